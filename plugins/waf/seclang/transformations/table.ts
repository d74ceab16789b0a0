// The transformations of rules by name (`t:urlDecodeUni`), names in lower case. They do what ModSecurity 3 does, but never
// cut a value at a NUL: what a rule does not see, it cannot match.
//
// Each looks first, with one cheap test, whether there is anything to do: most values are plain.
import { hash } from 'node:crypto'
import type { Transformation } from '../types.ts'
import { removeCommentMarks, removeComments, replaceComments } from './comments.ts'
import {
  decodeBase64,
  decodeBase64Leniently,
  decodeHex,
  decodeSqlHex,
  decodeUrl,
  decodeUrlUnicode,
  encodeUrl,
} from './encodings.ts'
import { decodeCss, decodeEscapeSequences, decodeHtmlEntities, decodeJs } from './escapes.ts'
import { evenParity, oddParity, zeroParity } from './parity.ts'
import { normalizePath, normalizeWindowsPath } from './path.ts'
import {
  commandLine,
  compressWhitespace,
  lowerCase,
  removeNulls,
  removeWhitespace,
  replaceNulls,
  trim,
  trimLeft,
  trimRight,
  upperCase,
} from './text.ts'
import { utf8ToUnicode } from './unicode.ts'

export const transformations: ReadonlyMap<string, Transformation> = new Map<string, Transformation>([
  ['base64decode', decodeBase64],
  ['base64decodeext', decodeBase64Leniently],
  ['base64encode', (value) => Buffer.from(value, 'latin1').toString('base64')],
  ['cmdline', commandLine],
  ['compresswhitespace', compressWhitespace],
  ['cssdecode', decodeCss],
  ['escapeseqdecode', decodeEscapeSequences],
  ['hexdecode', decodeHex],
  ['hexencode', (value) => Buffer.from(value, 'latin1').toString('hex')],
  ['htmlentitydecode', decodeHtmlEntities],
  ['jsdecode', decodeJs],
  ['length', (value) => String(value.length)],
  ['lowercase', lowerCase],
  ['md5', (value) => digest('md5', value)],
  ['none', (value) => value],
  ['normalisepath', normalizePath],
  ['normalisepathwin', normalizeWindowsPath],
  ['normalizepath', normalizePath],
  ['normalizepathwin', normalizeWindowsPath],
  ['parityeven7bit', evenParity],
  ['parityodd7bit', oddParity],
  ['parityzero7bit', zeroParity],
  ['removecomments', removeComments],
  ['removecommentschar', removeCommentMarks],
  ['removenulls', removeNulls],
  ['removewhitespace', removeWhitespace],
  ['replacecomments', replaceComments],
  ['replacenulls', replaceNulls],
  ['sha1', (value) => digest('sha1', value)],
  ['sqlhexdecode', decodeSqlHex],
  ['trim', trim],
  ['trimleft', trimLeft],
  ['trimright', trimRight],
  ['uppercase', upperCase],
  ['urldecode', decodeUrl],
  ['urldecodeuni', decodeUrlUnicode],
  ['urlencode', encodeUrl],
  ['utf8tounicode', utf8ToUnicode],
])

/** The bytes of the digest, as ModSecurity gives them; rules add `t:hexEncode` for the text. */
function digest(algorithm: string, value: string): string {
  return Buffer.from(hash(algorithm, Buffer.from(value, 'latin1'), 'hex'), 'hex').toString('latin1')
}
