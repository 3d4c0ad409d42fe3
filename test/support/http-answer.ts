// A strict reader of HTTP/1.1 answers as the trackers send them. Used by the tests of HTTP.
import { type Dictionary, readDictionary } from './bencode.ts'

export interface HttpAnswer {
  readonly status: number
  readonly reason: string
  /** By their names in small letters. */
  readonly fields: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Exactly one answer; throws when its length or anything else in it is wrong. */
export function readAnswer(bytes: Uint8Array, withoutBody = false): HttpAnswer {
  const text = Buffer.from(bytes).toString('latin1')
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) throw new Error(`no head: ${text}`)
  const [line, ...rest] = text.slice(0, headEnd).split('\r\n')
  const [, status, reason] = /^HTTP\/1\.1 (\d{3}) ([A-Za-z -]+)$/.exec(line) ?? []
  if (status === undefined) throw new Error(`no status line: ${line}`)
  const fields: Record<string, string> = {}
  for (const field of rest) {
    const [, name, value] = /^([A-Za-z-]+): ([\x20-\x7e]+)$/.exec(field) ?? []
    if (name === undefined) throw new Error(`no header field: ${field}`)
    if (Object.hasOwn(fields, name.toLowerCase())) throw new Error(`${name} twice`)
    fields[name.toLowerCase()] = value
  }
  const body = Buffer.from(bytes.subarray(headEnd + 4))
  const length = fields['content-length'] ?? ''
  if (!/^(0|[1-9]\d*)$/.test(length)) throw new Error(`Content-Length: ${length}`)
  const wanted = withoutBody ? 0 : Number(length)
  if (body.length !== wanted) throw new Error(`${body.length} bytes of body, not ${wanted}`)
  return { status: Number(status), reason, fields, body }
}

/** Of an answer to an announce or a scrape. */
export function readTracker(bytes: Uint8Array): Dictionary {
  const { status, body } = readAnswer(bytes)
  if (status !== 200) throw new Error(`status ${status}`)
  return readDictionary(body)
}
