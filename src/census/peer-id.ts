// Which client a peer id belongs to, by its first eight bytes: all known forms fit into them. Called by
// tally.ts.
//
// A peer id is whatever a stranger sends. So a name comes from names.ts, or is a code of two letters or
// digits between dashes; a version is two numbers, of known clients only.
import {
  AZUREUS_NAMES,
  AZUREUS_STYLES,
  OTHER_FORMS,
  SHADOW_NAMES,
  type VersionStyle,
} from './names.ts'

/** For a peer id of no known form. */
export const UNKNOWN = 'unknown'

export interface Client {
  readonly name: string
  /** Major and minor version, or '' when the peer id does not tell them. */
  readonly version: string
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const NOBODY: Client = { name: UNKNOWN, version: '' }

/** `start`: the peer id's first eight bytes, one character each. */
export function clientOf(start: string): Client {
  return azureusStyle(start) ?? otherForm(start) ?? shadowStyle(start) ?? unknownCode(start)
}

/** `-qB4650-`. The last dash is missing in some versions of some clients. */
function azureusStyle(start: string): Client | undefined {
  if (!start.startsWith('-')) return undefined
  const code = start.slice(1, 3)
  if (!Object.hasOwn(AZUREUS_NAMES, code)) return undefined
  const style = Object.hasOwn(AZUREUS_STYLES, code) ? AZUREUS_STYLES[code] : 'x.y'
  return { name: AZUREUS_NAMES[code], version: versionOf(start.slice(3, 7), style) }
}

function versionOf(text: string, style: VersionStyle): string {
  const pair = (pattern: RegExp) => {
    const [, major, minor] = pattern.exec(text) ?? []
    return major === undefined ? '' : `${Number(major)}.${minor}`
  }
  switch (style) {
    case 'x.y':
      return singleDigits(text)
    case 'xx.yy':
      return pair(/^(\d\d)0?(\d+)$/)
    case 'x.0y':
      return pair(/^(\d\d)(\d\d)$/)
    case 'x.yy':
      return pair(/^(\d)(\d\d)/)
    case 'text':
      return pair(/^(\d)\.(\d)\./)
    case 'transmission':
      if (/^00/.test(text)) return pair(/^(0)00?([1-9]\d?)$/)
      return /^[0-3]/.test(text) ? pair(/^(\d)(\d\d)/) : singleDigits(text)
    case 'none':
      return ''
  }
}

function singleDigits(text: string): string {
  const [major, minor] = [DIGITS.indexOf(text[0]), DIGITS.indexOf(text[1])]
  return major < 0 || minor < 0 ? '' : `${major}.${minor}`
}

function otherForm(start: string): Client | undefined {
  for (const [pattern, name] of OTHER_FORMS) {
    const found = pattern.exec(start)
    if (found === null) continue
    const [, major, minor] = found
    return { name, version: major === undefined ? '' : `${Number(major)}.${minor}` }
  }
  return undefined
}

/** `T03I--`, or `S58B-----`: a letter, up to five characters of version, dashes. */
function shadowStyle(start: string): Client | undefined {
  const [, letter, version] = /^([AOQRSTU])(\d[0-9A-Za-z.]{1,3})[0-9A-Za-z-]?--/.exec(start) ?? []
  if (letter === undefined) return undefined
  return { name: SHADOW_NAMES[letter], version: singleDigits(version) }
}

function unknownCode(start: string): Client {
  const [, code] = /^-([0-9A-Za-z]{2})[0-9A-Za-z.]{4}-$/.exec(start) ?? []
  return code === undefined ? NOBODY : { name: `-${code}-`, version: '' }
}
