// Requests read in the plainest way there is, with strings and patterns: the model that src/http/wire is
// compared with. One character per byte. Used by any-request.test.ts.
import { isIP } from 'node:net'

const LINE_MAX = 16384
const HEAD_MAX = 24576

export type Rejection = 'line' | 'line too long' | 'too large' | 'header' | 'framing' | 'version'

export interface NaiveRequest {
  readonly kind:
    | 'announce'
    | 'scrape'
    | 'page'
    | 'health'
    | 'status'
    | 'unknown path'
    | 'unknown method'
  readonly bytes: number
  readonly headOnly: boolean
  readonly close: boolean
  readonly key: string
  readonly proxyValues: readonly string[]
  /** Null where one is malformed. */
  readonly infoHashes: readonly string[] | null
  readonly peerId: string
  readonly port: number
  readonly seeder: boolean
  readonly event: string
  readonly compact: boolean
  readonly wanted: number
  readonly ip: string | null
  readonly ipv4: string | null
  readonly ipv6: string | null
}

export interface NaiveSettings {
  readonly proxyHeader: string
  readonly scrapeMax: number
}

/** Null while the head is not all there; then what is there may be refused already. */
export function parseNaively(
  text: string,
  settings: NaiveSettings,
): NaiveRequest | Rejection | null {
  const empty = /^[\r\n]*/.exec(text)?.[0].length ?? 0
  if (empty > 4) return 'line'
  const end = /\n\r?\n/.exec(text.slice(empty))
  if (end === null) return null
  const bytes = empty + end.index + end[0].length
  const [line, ...fields] = text.slice(empty, empty + end.index).split('\n')
  const request = readLine(line)
  if (typeof request === 'string') return request
  const lines = fields.map((field) => field.replace(/\r$/, ''))
  const head = lines.map((field) =>
    /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t -~\x80-\xff]*)$/.exec(field),
  )
  // The end of the last line is before the empty one.
  if (head.some((match) => match === null)) return 'header'
  const pairs = head.map((match) => [match?.[1].toLowerCase() ?? '', match?.[2] ?? ''] as const)
  const valuesOf = (name: string) => pairs.filter(([other]) => other === name).map(([, v]) => v)
  const lengths = valuesOf('content-length').map((value) => value.replace(/^[ \t]+|[ \t]+$/g, ''))
  const encoded = valuesOf('transfer-encoding').length > 0
  if (lengths.some((length) => !/^\d{1,15}$/.test(length))) return 'framing'
  if (new Set(lengths.map(Number)).size > 1 || (encoded && lengths.length > 0)) return 'framing'
  if (bytes > HEAD_MAX) return 'too large'
  const tokens = valuesOf('connection').flatMap((value) =>
    value.split(',').map((part) => /^[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]*)/.exec(part)?.[1] ?? ''),
  )
  const asked = tokens.map((token) => token.toLowerCase())
  const ends = asked.includes('close') || (request.minor === '0' && !asked.includes('keep-alive'))
  return {
    ...readTarget(request.method, request.target, settings),
    bytes,
    headOnly: request.method === 'HEAD',
    close: ends || encoded || Number(lengths[0] ?? 0) > 0 || !isKnown(request.method),
    proxyValues: valuesOf(settings.proxyHeader).slice(-8),
  }
}

function isKnown(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

interface Line {
  readonly method: string
  readonly target: string
  readonly minor: string
}

function readLine(line: string): Line | Rejection {
  const [all, method, target] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]{1,20}) ([^\0- ]+) /.exec(line) ?? []
  if (all === undefined) return 'line'
  if (isKnown(method) && !/^(\/|https?:\/\/[^/?])/i.test(target)) return 'line'
  if (method.length + 1 + target.length > LINE_MAX) return 'line too long'
  const version = line.slice(all.length)
  const [, minor] = /^HTTP\/1\.([01])\r?$/.exec(version) ?? []
  if (minor !== undefined) return { method, target, minor }
  return version.startsWith('HTTP/') && !/^HTTP\/1\.[01]/.test(version) ? 'version' : 'line'
}

type OfTarget = Omit<NaiveRequest, 'bytes' | 'headOnly' | 'close' | 'proxyValues'>

function readTarget(method: string, target: string, { scrapeMax }: NaiveSettings): OfTarget {
  const local = target.replace(/^https?:\/\/[^/?]+/i, '')
  const question = local.indexOf('?')
  const path = question < 0 ? local : local.slice(0, question)
  const [kind, key] = isKnown(method) ? kindOf(path) : (['unknown method', ''] as const)
  const asks = kind === 'announce' || kind === 'scrape'
  const query = asks && question >= 0 ? local.slice(question + 1) : ''
  const pairs = query.split('&').flatMap((part) => {
    const equals = part.indexOf('=')
    return equals < 0 ? [] : [[part.slice(0, equals), part.slice(equals + 1)] as const]
  })
  const all = (name: string) => pairs.filter(([other]) => other === name).map(([, v]) => v)
  const last = (name: string) => (kind === 'announce' ? all(name).at(-1) : undefined)
  const wanted = last('numwant') ?? ''
  const port = last('port') ?? ''
  return {
    kind,
    key,
    infoHashes: infoHashesOf(kind, all('info_hash'), scrapeMax),
    peerId: idOf(last('peer_id') ?? '') ?? '\0'.repeat(20),
    port: /^\d+$/.test(port) && Number(port) <= 65535 ? Number(port) : 0,
    seeder: /^0+$/.test(last('left') ?? ''),
    event: last('event') ?? '',
    compact: !/^0+$/.test(last('compact') ?? ''),
    wanted: /^\d+$/.test(wanted) ? Math.min(Number(wanted), 2 ** 31 - 1) : -1,
    ip: addressOf(last('ip')),
    ipv4: addressOf(last('ipv4'), (address) => address.length === 4),
    ipv6: addressOf(last('ipv6'), (address) => address.length === 16),
  }
}

function kindOf(path: string): readonly [NaiveRequest['kind'], string] {
  if (path === '' || path === '/') return ['page', '']
  if (/^\/status\.json\/?$/.test(path)) return ['status', '']
  const alone = /^\/(announce|scrape|health)\/?$/.exec(path)
  if (alone !== null) return [alone[1] as NaiveRequest['kind'], '']
  const [, before, kindBehind] = /^\/([^/]{1,128})\/(announce|scrape)$/.exec(path) ?? []
  if (before !== undefined) return [kindBehind as NaiveRequest['kind'], before]
  const [, kind, behind] = /^\/(announce|scrape)\/([^/]{1,128})$/.exec(path) ?? []
  return behind === undefined ? ['unknown path', ''] : [kind as NaiveRequest['kind'], behind]
}

function infoHashesOf(kind: string, values: readonly string[], most: number): string[] | null {
  const counted = kind === 'scrape' ? values.slice(0, most) : values.slice(-1)
  const ids = counted.map(idOf)
  return ids.some((id) => id === null) ? null : ids.flatMap((id) => id ?? [])
}

function decode(value: string): string | null {
  if (/%(?![0-9A-Fa-f]{2})/.test(value)) return null
  return value.replace(/%(..)/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
}

function idOf(value: string): string | null {
  const id = decode(value)
  return id?.length === 20 ? id : null
}

/** The address as its bytes in hexadecimal digits; null where the value is none. */
function addressOf(
  value: string | undefined,
  fits = (_: readonly number[]) => true,
): string | null {
  const text = value === undefined ? null : decode(value)
  if (text === null || text.length > 64) return null
  const [, inBrackets] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text) ?? []
  const [, dotted] = /^([\d.]+)(?::\d{1,5})?$/.exec(text) ?? []
  const plain = inBrackets ?? dotted ?? text
  if (plain.includes('%') || isIP(plain) === 0) return null
  if (inBrackets !== undefined && isIP(plain) === 4) return null
  const bytes = isIP(plain) === 4 ? plain.split('.').map(Number) : ipv6Bytes(plain)
  return fits(bytes) ? Buffer.from(bytes).toString('hex') : null
}

function ipv6Bytes(text: string): readonly number[] {
  const [front, back] = text.split('::').map(groupsOf)
  const missing = 8 - front.length - (back?.length ?? 0)
  const groups = [...front, ...Array<number>(missing).fill(0), ...(back ?? [])]
  const bytes = groups.flatMap((group) => [group >> 8, group & 255])
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  return mapped ? bytes.slice(12) : bytes
}

function groupsOf(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap((group) => {
    const bytes = group.split('.').map(Number)
    if (bytes.length === 1) return [Number.parseInt(group, 16)]
    return [bytes[0] * 256 + bytes[1], bytes[2] * 256 + bytes[3]]
  })
}
