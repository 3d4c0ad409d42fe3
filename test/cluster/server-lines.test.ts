// What a NATS server sends, in lines and payloads: let through as it is, however it is cut; what is not its protocol ends it.
import { expect, test } from 'bun:test'
import { FLOOD, NOT_NATS, ServerLines } from '../../src/cluster/server-lines.ts'
import { randomWords } from '../support/random.ts'

const INFO = 'INFO {"server_id":"X","version":"2.9.0"}\r\n'
const LINES = [
  INFO,
  'PING\r\n',
  'PONG\r\n',
  '+OK\r\n',
  '-ERR \'Permissions Violation for Publish to "a"\'\r\n',
  'MSG a.b 1 0\r\n\r\n',
  'MSG a.b 1 5\r\na\r\nMS\r\n',
  'MSG a.b 123 _INBOX.1 3\r\n\n\r\n\r\n',
  'HMSG a.b 1 12 14\r\nNATS/1.0\r\n\r\nab\r\n',
  'HMSG a.b 1 _INBOX.1 12 12\r\nNATS/1.0\r\n\r\n\r\n',
]
const TOO_LONG = `MSG a.b 1 1048577\r\n${'x'.repeat(1_048_577)}\r\n`

/** What is let through, of a text that comes in pieces of these lengths. */
function passed(lines: ServerLines, text: string, length: () => number): string {
  const bytes = Buffer.from(text, 'latin1')
  let out = ''
  for (let at = 0; at < bytes.length; ) {
    const end = at + length()
    for (const part of lines.take(bytes.subarray(at, end)))
      out += Buffer.from(part).toString('latin1')
    at = end
  }
  return out
}

test('what a server sends is let through, however it is cut; messages too long for a node are left out', () => {
  const word = randomWords(3)
  for (let run = 0; run < 300; run++) {
    const lines = new ServerLines(() => 0)
    const all = Array.from({ length: 1 + (word() % 12) }, () => LINES[word() % LINES.length])
    const wanted = all.join('')
    const hasLong = run % 10 === 0
    if (hasLong) all.splice(word() % all.length, 0, TOO_LONG)
    const longest = hasLong ? 70_000 : 1 + (word() % 60)
    expect(passed(lines, all.join(''), () => 1 + (word() % longest))).toBe(wanted)
    expect([lines.fault, lines.tooLong]).toEqual(['', hasLong ? 1 : 0])
  }
})

test.each([
  'HTTP/1.1 400 Bad Request\r\n',
  '\r\n',
  '\n',
  'PING\n',
  'ping\r\n',
  'PINGS\r\n',
  '-ERR\r\n',
  '+OKAY\r\n',
  'INFO\r\n',
  'INFO null\r\n',
  'INFO 7\r\n',
  'INFO []\r\n',
  'INFO {}\r\n',
  'INFO {"version":7}\r\n',
  'INFO {"version":\r\n',
  'MSG a 1\r\n',
  'MSG a 1 x 2 3\r\n',
  'MSG a  1 2\r\n',
  'MSG a -1 2\r\n',
  'MSG a 1 -5\r\n',
  'MSG a 1 5e3\r\n',
  'MSG a 1 NaN\r\n',
  'MSG a 1 0x10\r\n',
  'MSG a 1 67108865\r\n',
  'MSG a 1 99999999999\r\n',
  `MSG a 1 ${'9'.repeat(400)}\r\n`,
  'MSG a 1 2\r\nabc\r\n',
  'MSG a 1 2\r\nab\n\r',
  'MSGS a 1 2\r\nab\r\n',
  'HMSG a 1 2\r\nab\r\n',
  'HMSG a 1 5 2\r\nab\r\n',
])('%j is not its protocol', (text) => {
  for (const length of [1, 7, 100_000]) {
    const lines = new ServerLines(() => 0)
    const out = passed(lines, `PING\r\n${text}PING\r\n`, () => length)
    expect(lines.fault).toBe(NOT_NATS)
    expect(`PING\r\n${text}`.startsWith(out)).toBe(true)
    expect(passed(lines, 'PING\r\n', () => length)).toBe('')
  }
})

test.each([
  ['PING\r\n', 200, 20],
  [INFO, 200, 20],
  ["-ERR 'x'\r\n", 100_000, 20_000],
] as const)('so many of %j at once, and so many a second', (text, atOnce, perSecond) => {
  let now = 0
  const lines = new ServerLines(() => now)
  const bytes = Buffer.from(text)
  const takes = (count: number) => {
    for (let i = 0; i < count; i++) lines.take(bytes)
    return lines.fault
  }
  expect(takes(atOnce)).toBe('')
  now = 2000
  expect(takes(2 * perSecond)).toBe('')
  expect(takes(1)).toBe(FLOOD)
})
