import { describe, expect, test } from 'bun:test'
import { INCOMPLETE, MALFORMED, ResponseHead } from '../../../load/http/response-head.ts'

function read(text: string) {
  const head = new ResponseHead()
  const bytes = new Uint8Array(Buffer.from(`##${text}`, 'latin1'))
  const { status, contentLength, closes, body } = Object.assign(head, {
    body: head.read(bytes, 2, bytes.length),
  })
  return { status, contentLength, closes, body: body > 0 ? body - 2 : body }
}

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\n'

test('a head tells status, length and where the body begins', () => {
  const expected = { status: 200, contentLength: 12, closes: false, body: HEAD.length }
  expect(read(`${HEAD}d2:abi1ee`)).toEqual(expected)
})

test('any part of a head is incomplete', () => {
  for (let end = 0; end < HEAD.length; end++) {
    expect(read(HEAD.slice(0, end)).body).toBe(INCOMPLETE)
  }
})

describe('whether the connection ends', () => {
  test.each([
    ['HTTP/1.1 200 OK', '', false],
    ['HTTP/1.0 200 OK', '', true],
    ['HTTP/1.0 200 OK', 'Connection: keep-alive\r\n', false],
    ['HTTP/1.1 200 OK', 'connection:close\r\n', true],
    ['HTTP/1.1 200', 'CONNECTION: Upgrade, Close \r\n', true],
    ['HTTP/1.1 200 OK', 'X-Connection: close\r\n', false],
    ['HTTP/1.1 200 OK', 'Connection: closed\r\n', false],
  ])('%s, %j: %p', (status, field, closes) => {
    expect(read(`${status}\r\n${field}\r\n`).closes).toBe(closes)
  })
})

describe('is malformed', () => {
  test.each([
    ['a bare LF', 'HTTP/1.1 200 OK\nContent-Length: 1\n\n'],
    ['a CR within a line', 'HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n'],
    ['another version', 'HTTP/2.0 200 OK\r\n\r\n'],
    ['no version', 'd8:intervali1ee\r\n\r\n'],
    ['a status of letters', 'HTTP/1.1 abc OK\r\n\r\n'],
    ['a status of four digits', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['no name', 'HTTP/1.1 200 OK\r\n: x\r\n\r\n'],
    ['no colon', 'HTTP/1.1 200 OK\r\nx\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n'],
    ['an empty length', 'HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n'],
    ['a negative length', 'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'],
    ['a huge length', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n'],
    ['a line that never ends', `HTTP/1.1 200 OK\r\n${'x'.repeat(9000)}`],
  ])('%s', (_, text) => {
    expect(read(text).body).toBe(MALFORMED)
  })
})

test('a length may have spaces around it', () => {
  expect(read('HTTP/1.1 200 OK\r\nContent-Length: 67      \r\n\r\n').contentLength).toBe(67)
})
