// @detectXSS: does a value, put where pages have values, run script? Called by the operator. Byte strings in; never
// throws; time linear in the length.
import { type HtmlSurrounding, HtmlTokeniser } from './html-tokeniser.ts'
import {
  type AttributeDanger,
  dangerousAttributeStarts,
  dangerousAttributes,
  dangerousSchemes,
  dangerousTagStarts,
  dangerousTags,
  events,
  hidingReferences,
} from './html-words.ts'

/** Longer names are not looked at: no word of the tables is. */
const longestName = 64
/** As much of a URL as can hold a scheme, with references, tabs and NUL in it. */
const longestScheme = 512

const attributeSurroundings: readonly HtmlSurrounding[] = ['tag', "'", '"', '`']

export function detectXss(input: string): boolean {
  const hasTag = input.includes('<')
  // Without either no tag begins and no attribute gets a value.
  if (!hasTag && !input.includes('=')) return false
  if (hasTag && runsScript(input, 'data')) return true
  return attributeSurroundings.some(
    (surrounding) => (surrounding === 'tag' || input.includes(surrounding)) && runsScript(input, surrounding),
  )
}

function runsScript(input: string, surrounding: HtmlSurrounding): boolean {
  const html = new HtmlTokeniser(input, surrounding)
  let danger: AttributeDanger | undefined
  while (html.next()) {
    if (html.type === 'doctype') return true
    if (html.type === 'tag' && isDangerousTag(nameOf(html))) return true
    if (html.type === 'value' && isDangerousValue(html, danger)) return true
    if (html.type === 'comment' && isDangerousComment(input.slice(html.start, html.end))) return true
    danger = html.type === 'attribute' ? dangerOf(nameOf(html)) : undefined
  }
  return false
}

function nameOf({ input, start, end }: HtmlTokeniser): string {
  return withoutNul(input.slice(start, Math.min(end, start + longestName))).toLowerCase()
}

function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text
}

/** Also behind a prefix of XML: x:script. */
function isDangerousTag(name: string): boolean {
  const local = name.slice(name.indexOf(':') + 1)
  return (
    dangerousTags.has(name) ||
    dangerousTags.has(local) ||
    dangerousTagStarts.some((start) => name.startsWith(start) || local.startsWith(start))
  )
}

function dangerOf(name: string): AttributeDanger | undefined {
  if (name.startsWith('on') && events.has(name.slice(2))) return 'always'
  if (dangerousAttributeStarts.some((start) => name.startsWith(start))) return 'always'
  return dangerousAttributes.get(name)
}

function isDangerousValue(html: HtmlTokeniser, danger: AttributeDanger | undefined): boolean {
  if (danger === undefined) return false
  if (danger === 'url')
    return isDangerousUrl(html.input.slice(html.start, Math.min(html.end, html.start + longestScheme)))
  if (danger === 'names attribute') return dangerOf(nameOf(html)) !== undefined
  return true
}

/** Browsers skip blanks and control characters in a scheme, and know it in any case. */
function isDangerousUrl(url: string): boolean {
  const plain = decodeReferences(withoutNul(url))
    .replace(/[^\x21-\x7e]/g, '')
    .toLowerCase()
  return dangerousSchemes.some((scheme) => plain.startsWith(scheme))
}

function decodeReferences(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&(?:#x([0-9a-f]{1,12})|#([0-9]{1,12})|([a-z]{1,8}));?/gi,
    (reference, hex, decimal, name) => {
      if (name !== undefined) return hidingReferences.get(name.toLowerCase()) ?? reference
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)
      return code < 0x80 ? String.fromCharCode(code) : '\x80'
    },
  )
}

/** Old Internet Explorer: a backquote ends a tag, conditional comments run, <?import and <!ENTITY load. */
function isDangerousComment(comment: string): boolean {
  return (
    comment.includes('`') || /^(?:\[if|xml|import|entity)/i.test(withoutNul(comment.slice(0, longestName)))
  )
}
