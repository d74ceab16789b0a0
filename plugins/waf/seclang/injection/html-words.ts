// What in HTML runs script, loads or redirects: from the HTML, SVG and UI Events standards and the history of browsers.

/** Elements that run, load, or change how the page is read. */
export const dangerousTags: ReadonlySet<string> = toSet(`
  applet base bgsound comment embed fencedframe frame frameset handler iframe ilayer import isindex layer link listener meta
  noscript object portal script style vmlframe xml xss
`)

/** Names that begin so are dangerous whatever follows: SVG and XSLT have many. */
export const dangerousTagStarts: readonly string[] = ['svg', 'xsl']

/** An attribute's value is then: never harmless; a URL; style; the name of another attribute (SVG animations). */
export type AttributeDanger = 'always' | 'url' | 'style' | 'names attribute'

export const dangerousAttributes: ReadonlyMap<string, AttributeDanger> = new Map<string, AttributeDanger>([
  ...each('always', 'dataformatas datasrc filter folder handler srcdoc style-src'),
  ...each(
    'url',
    'action background by code codebase classid data-src dynsrc formaction from href lowsrc poster src to',
  ),
  ...each('url', 'values manifest profile longdesc cite usemap archive srcset ping'),
  ...each('style', 'style'),
  ...each('names attribute', 'attributename'),
])

/** Namespaces let any element be script. */
export const dangerousAttributeStarts: readonly string[] = ['xmlns', 'xlink']

/** Without the leading "on". */
export const events: ReadonlySet<string> = toSet(`
  abort activate active addsourcebuffer addstream addtrack afterprint afterscriptexecute afterupdate animationcancel
  animationend animationiteration animationstart appinstalled audioend audioprocess audiostart autocomplete
  autocompleteerror auxclick beforeactivate beforecopy beforecut beforedeactivate beforeeditfocus beforehide
  beforeinput beforeinstallprompt beforematch beforepaste beforeprint beforescriptexecute beforetoggle beforeunload
  beforeupdate beforexrselect begin beginevent blocked blur bounce boundary bufferedamountlow cached cancel
  canplay canplaythrough cellchange change chargingchange chargingtimechange checking click close command
  commandexecute compassneedscalibration complete compositionend compositionstart compositionupdate connect
  connecting connectionstatechange contentvisibilityautostatechange contextlost contextmenu contextrestored
  controllerchange controlselect copy cuechange currententrychange cut dataavailable datachannel datasetchanged
  datasetcomplete dblclick deactivate devicechange devicelight devicemotion deviceorientation deviceproximity
  dischargingtimechange disconnect domactivate domattrmodified domcharacterdatamodified domfocusin domfocusout
  dommousescroll domnodeinserted domnodeinsertedintodocument domnoderemoved domnoderemovedfromdocument domsubtreemodified
  downloading drag dragdrop dragend dragenter dragexit dragleave dragover dragstart drop durationchange emptied
  encrypted end ended endevent enter enterpictureinpicture error errorupdate exit filterchange finish focus focusin focusout
  formchange formdata forminput freeze fullscreenchange fullscreenerror gamepadconnected gamepaddisconnected
  gesturechange gestureend gesturestart gesturescrollstart gotpointercapture hashchange help icecandidate
  iceconnectionstatechange icegatheringstatechange inactive input install invalid keydown keypress keystatuseschange keyup
  languagechange layoutcomplete leavepictureinpicture levelchange load loadeddata loadedmetadata loadend loading
  loadingdone loadingerror loadstart location losecapture lostpointercapture mark mediacomplete mediaerror message
  messageerror midimessage mousedown mouseenter mouseleave mousemove mouseout mouseover mouseup mousewheel move
  moveend movestart mozbrowserlocationchange mozfullscreenchange mozfullscreenerror mozpointerlockchange
  mspointerdown mspointermove mspointerup msgesturestart mute negotiationneeded nodecreate nomatch notificationclick
  notificationclose noupdate obsolete offline online open orientationchange outofsync overscroll pagehide pageshow
  pagereveal pageswap paste pause play playing pointercancel pointerdown pointerenter pointerleave pointerlockchange
  pointerlockerror pointermove pointerout pointerover pointerrawupdate pointerup popstate popuphidden popuphiding
  popupshowing popupshown progress promptaction promptdismiss propertychange push pushsubscriptionchange ratechange
  reading readystatechange rejectionhandled removesourcebuffer removestream removetrack repeat repeatevent
  reset resize resizeend resizestart resourcetimingbufferfull result resume reverse rowdelete rowenter rowexit
  rowinserted rowsdelete rowsenter rowsinserted scroll scrollend scrollsnapchange scrollsnapchanging search
  securitypolicyviolation seek seeked seeking select selectedcandidatepairchange selectionchange selectstart show
  signalingstatechange slotchange sort soundend soundstart sourceclose sourceended sourceopen speechend speechstart
  stalled start statechange stop storage submit success suspend synchrestored syncrestored terminate text timeout timer
  timeupdate toggle tonechange touchcancel touchend touchenter touchleave touchmove touchstart track transitioncancel
  transitionend transitionrun transitionstart trackchange unhandledrejection unload unmute update updateend updatefound updateready
  updatestart upgradeneeded urlflip userproximity validationstatuschange versionchange visibilitychange voiceschanged volumechange
  vrdisplayactivate waiting waitingforkey webglcontextcreationerror webglcontextlost webglcontextrestored
  webkitanimationend webkitanimationiteration webkitanimationstart webkitcurrentplaybacktargetiswirelesschanged
  webkitfullscreenchange webkitfullscreenerror webkitmouseforcechanged webkitmouseforcedown webkitmouseforceup
  webkitmouseforcewillbegin webkitplaybacktargetavailabilitychanged webkitpresentationmodechanged webkittransitionend
  webkitwillrevealbottom wheel zoom zoomevent zoomend zoomstart
`)

/** Schemes that run or hide script. */
export const dangerousSchemes: readonly string[] = [
  'javascript:',
  'vbscript:',
  'livescript:',
  'mocha:',
  'data:',
  'view-source:',
]

/** Character references without digits that can hide a scheme. */
export const hidingReferences: ReadonlyMap<string, string> = new Map([
  ['colon', ':'],
  ['tab', '\t'],
  ['newline', '\n'],
  ['lpar', '('],
  ['nbsp', '\xa0'],
])

function each(danger: AttributeDanger, names: string): [string, AttributeDanger][] {
  return names.split(' ').map((name) => [name, danger])
}

function toSet(words: string): ReadonlySet<string> {
  return new Set(words.trim().split(/\s+/))
}
