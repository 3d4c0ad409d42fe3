import { describe, expect, test } from 'bun:test'
import { parse } from '../../../src/http/wire/parse.ts'
import { ANNOUNCE, HttpRequest, SCRAPE, UNKNOWN_PATH } from '../../../src/http/wire/request.ts'
import { HEAD_TOO_LARGE, LINE_TOO_LONG } from '../../../src/http-head/read-head.ts'
import { get } from '../harness.ts'

const request = new HttpRequest()

function read(text: string): string {
  const bytes = Buffer.from(text, 'latin1')
  expect(parse(request, bytes, 0, bytes.length)).toBe(bytes.length)
  return bytes.toString('latin1', request.keyFrom, request.keyTo)
}

describe('the key in a path', () => {
  test.each([
    ['/k/announce', ANNOUNCE, 'k'],
    ['/announce/k', ANNOUNCE, 'k'],
    ['/0123456789abcdef/scrape?x', SCRAPE, '0123456789abcdef'],
    ['/scrape/0123456789abcdef', SCRAPE, '0123456789abcdef'],
    ['http://tracker/key/announce', ANNOUNCE, 'key'],
    [`/${'k'.repeat(128)}/announce`, ANNOUNCE, 'k'.repeat(128)],
    [`/announce/${'k'.repeat(128)}`, ANNOUNCE, 'k'.repeat(128)],
    [`/${'k'.repeat(129)}/announce`, UNKNOWN_PATH, ''],
    ['/announce', ANNOUNCE, ''],
    ['/announce/', ANNOUNCE, ''],
    ['//announce', UNKNOWN_PATH, ''],
    ['/announce//', UNKNOWN_PATH, ''],
    ['/health/k', UNKNOWN_PATH, ''],
    ['/announce/announce', ANNOUNCE, 'announce'],
  ])('%s', (target, kind, key) => {
    expect(read(get(target))).toBe(key)
    expect(request.kind).toBe(kind)
  })

  test('is not that of the request before', () => {
    expect(read(get('/secret/announce'))).toBe('secret')
    expect(read(get('/announce'))).toBe('')
  })
})

test("of a proxy's header fields the last eight are kept, with their values", () => {
  request.proxyHeader = new TextEncoder().encode('x-real-ip')
  const fields = Array.from({ length: 11 }, (_, i) => `X-Real-IP:  192.0.2.${i}\t\r\n`)
  const bytes = Buffer.from(get('/', 'HTTP/1.1', fields.join('')))
  parse(request, bytes, 0, bytes.length)
  const values = Array.from({ length: request.proxyValueCount }, (_, i) =>
    bytes.toString('latin1', request.proxyValues[i * 2], request.proxyValues[i * 2 + 1]),
  )
  expect(values.map((value) => value.trim())).toEqual(
    [3, 4, 5, 6, 7, 8, 9, 10].map((i) => `192.0.2.${i}`),
  )
  read(get('/'))
  expect(request.proxyValueCount).toBe(0)
  request.proxyHeader = new Uint8Array(0)
})

describe('a head that comes in small pieces', () => {
  /** What is read again changes the kind. */
  const UNTOUCHED = -99

  test.each(['\r\n', '\n'])('is read once, when it is all there (lines end with %j)', (end) => {
    const text = ['GET /announce HTTP/1.1', 'Host: x', 'A: b', '', ''].join(end)
    const bytes = Buffer.from(text)
    expect(parse(request, bytes, 0, 1)).toBe(0)
    for (let length = 2; length < bytes.length; length++) {
      request.kind = UNTOUCHED
      expect(parse(request, bytes, 0, length, length - 1)).toBe(0)
      expect(request.kind).toBe(UNTOUCHED)
    }
    expect(parse(request, bytes, 0, bytes.length, bytes.length - 1)).toBe(bytes.length)
    expect(request.kind).toBe(ANNOUNCE)
  })

  test('has an end, even if it never comes', () => {
    const long = Buffer.from(`GET /${'a'.repeat(30_000)}`)
    expect(parse(request, long, 0, 16_384, 16_383)).toBe(0)
    expect(parse(request, long, 0, 16_385, 16_384)).toBe(LINE_TOO_LONG)
    const fields = Buffer.from(`GET / HTTP/1.1\r\n${'A: b\r\n'.repeat(5000)}`)
    expect(parse(request, fields, 0, 24_575, 24_574)).toBe(0)
    expect(parse(request, fields, 0, 24_576, 24_575)).toBe(HEAD_TOO_LARGE)
  })

  test('may be as long as the limits say, and not a byte longer', () => {
    const line = (target: number) => Buffer.from(get(`/${'a'.repeat(target - 1)}`))
    const most = 16_384 - 'GET '.length
    expect(parse(request, line(most), 0, 20_000)).toBe(line(most).length)
    expect(parse(request, line(most + 1), 0, 20_000)).toBe(LINE_TOO_LONG)
    const head = (size: number) => {
      const text = get('/', 'HTTP/1.1', 'A: \r\n')
      return Buffer.from(text.replace('A: ', `A: ${'b'.repeat(size - text.length)}`))
    }
    expect(parse(request, head(24_576), 0, 24_576)).toBe(24_576)
    expect(parse(request, head(24_577), 0, 24_577)).toBe(HEAD_TOO_LARGE)
  })
})
