// What clients and attackers do over real connections, by accident or on purpose. After each fault the tracker has no
// connection left and answers as before. The bytes alone: any-request.test.ts; connections alone: test/tcp.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { readDictionary } from '../support/bencode.ts'
import { announceTarget, askOnce, HttpConnection, requestText } from '../support/http-client.ts'
import { HTTP_EXECUTABLE, Tracker } from '../support/tracker.ts'
import { waitFor, waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

const WORKERS = 2
const SETTINGS =
  `socket_workers = ${WORKERS}\n` +
  "[network]\naddress = '127.0.0.1:0'\nrequest_timeout = 1\nresponse_timeout = 1\n" +
  "[operations]\naddress = '127.0.0.1:0'\n"

const HASHES = Array.from({ length: 250 }, (_, i) => `info_hash=${String(i).padStart(20, 'h')}`)
/** Its answer is of 24 KB. */
const LARGE = requestText(`/scrape?${HASHES.join('&')}`)

let tracker: Tracker
let metricsUrl = ''

beforeAll(async () => {
  tracker = new Tracker({ executable: HTTP_EXECUTABLE, settings: SETTINGS })
  await tracker.waitForStart()
  metricsUrl = `${await tracker.operationsUrl()}metrics`
})

afterAll(() => tracker.discard())

const open = () => HttpConnection.open(tracker.at())

async function metric(name: string): Promise<number> {
  const text = await (await fetch(metricsUrl)).text()
  const line = text.split('\n').find((line) => line.startsWith(`${name} `))
  return Number(line?.split(' ')[1])
}

const closed = (reason: string) =>
  metric(`tracker_http_closed_connections_total{reason="${reason}"}`)

/** As before the fault. */
async function expectHealth(): Promise<void> {
  for (let i = 0; i < 4 * WORKERS; i++) {
    expect((await askOnce(tracker.at(), '/health')).status).toBe(200)
  }
  await waitUntil('no connection is left', async () => {
    return (await metric('tracker_http_connections')) === 0
  })
}

/** Sends a byte now and then until the tracker ends the connection; returns how long that took. */
async function trickle(connection: HttpConnection, byte: string): Promise<number> {
  const start = performance.now()
  const end = connection.ended()
  while (!connection.hasEnded) {
    connection.send(byte)
    await waitFor(end, 100)
    if (performance.now() - start > 20_000) throw new Error('it goes on for ever')
  }
  return performance.now() - start
}

describe('a request that never ends', () => {
  test.each([
    ['line', 'GET /announce?', 'x'],
    ['header fields', 'GET /health HTTP/1.1\r\n', 'X: y\r\n'],
    ['one header field', 'GET /health HTTP/1.1\r\nX: ', 'y'],
    ['empty lines', '', '\r'],
  ])('in its %s is ended after its time, however it keeps coming', async (_, begin, byte) => {
    const connection = await open()
    if (begin !== '') connection.send(begin)
    const milliseconds = await trickle(connection, byte)
    expect(milliseconds).toBeLessThan(6000)
    const { status } = await connection.answer()
    expect([400, 408]).toContain(status)
    await expectHealth()
  })

  test('in its body is answered at once, and ended soon', async () => {
    const connection = await open()
    connection.send('POST /announce HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n')
    expect((await connection.answer()).status).toBe(405)
    expect(await trickle(connection, 'x')).toBeLessThan(6000)
    await expectHealth()
  })

  test('by many at once does not keep others from being served', async () => {
    const before = await closed('request_timeout')
    const slow = await Promise.all(Array.from({ length: 400 }, open))
    for (const [i, connection] of slow.entries())
      connection.send('GET /announce?'.slice(0, 1 + (i % 14)))
    for (let i = 0; i < 50; i++) {
      const { body } = await askOnce(tracker.at(), announceTarget({ port: 1000 + i }))
      expect(readDictionary(body)).toMatchObject({ complete: 0 })
    }
    await Promise.all(slow.map((connection) => connection.ended()))
    await expectHealth()
    await waitUntil('all are counted', async () => {
      return (await closed('request_timeout')) - before === 400
    })
  })
})

test('a client that shows its end gets its answers, if it has asked', async () => {
  const whole = await open()
  whole.send(requestText('/health').repeat(3))
  whole.endSending()
  for (let i = 0; i < 3; i++) expect((await whole.answer()).status).toBe(200)
  await whole.ended()
  const before = await closed('unfinished')
  const half = await open()
  half.send('GET /health HTTP/1.1\r\nX')
  half.endSending()
  await half.ended()
  expect(half.bytes).toHaveLength(0)
  await expectHealth()
  await waitUntil('it is counted', async () => (await closed('unfinished')) - before === 1)
})

test('clients that never read are ended, and hold nobody up', async () => {
  const before = await closed('unread_timeout')
  const deaf = await Promise.all(Array.from({ length: 10 }, open))
  for (const connection of deaf) {
    connection.stopReading()
    connection.send(LARGE.repeat(400))
  }
  for (let i = 0; i < 50; i++) expect((await askOnce(tracker.at(), '/health')).status).toBe(200)
  await waitUntil('all are ended', async () => (await closed('unread_timeout')) - before === 10)
  for (const connection of deaf) connection.close()
  await expectHealth()
})

test('thousands of requests in a row are answered in their order', async () => {
  const connection = await open()
  const targets = ['/health', '/no', '/', announceTarget(), '/scrape']
  const statuses = [200, 404, 200, 200, 200]
  const count = 5000
  const text = Array.from({ length: count }, (_, i) => requestText(targets[i % 5])).join('')
  connection.send(text + requestText('/health', 'Connection: close\r\n'))
  await connection.ended()
  const heads = [...connection.bytes.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)]
  expect(heads.map(([, status]) => Number(status))).toEqual([
    ...Array.from({ length: count }, (_, i) => statuses[i % 5]),
    200,
  ])
  await expectHealth()
})

test.each([
  ['16 KB in one header field', `X: ${'y'.repeat(16_000)}\r\n`, 200],
  ['thousands of short header fields', 'X: y\r\n'.repeat(3000), 200],
  ['25 KB in one header field', `X: ${'y'.repeat(25_000)}\r\n`, 431],
  ['two lengths', 'Content-Length: 5\r\nContent-Length: 6\r\n', 400],
  ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', 400],
  ['a length beyond all', `Content-Length: ${'9'.repeat(400)}\r\n`, 400],
  ['a length below 0', 'Content-Length: -1\r\n', 400],
  ['two hosts', 'Host: a\r\nHost: b\r\n', 200],
  ['close and keep-alive', 'Connection: keep-alive, close\r\n', 200],
])('a head with %s is understood or refused', async (_, fields, status) => {
  const connection = await open()
  expect((await connection.ask('/health', fields)).status).toBe(status)
  connection.close()
  await expectHealth()
})

const HUGE = '9'.repeat(1000)

test.each([
  ['numwant', HUGE],
  ['numwant', `-${HUGE}`],
  ['left', HUGE],
  ['left', '18446744073709551616'],
  ['uploaded', `-${HUGE}`],
  ['downloaded', HUGE],
  ['compact', HUGE],
  ['key', HUGE],
])('%s of any size changes no counts', async (name, value) => {
  const target = announceTarget({ infoHash: 'numbers~~~~~~~~~~~~~', port: 4001 })
  const answer = await askOnce(tracker.at(), `${target}&${name}=${value}`)
  expect(readDictionary(answer.body)).toMatchObject({ complete: 0, incomplete: 0 })
  const { body } = await askOnce(tracker.at(), target.replace('4001', '4002'))
  expect(readDictionary(body)).toMatchObject({ complete: 0, incomplete: 1 })
  await askOnce(tracker.at(), `${target.replace('4001', '4002')}&event=stopped`)
})

test.each([
  ['port', HUGE, 'failure reason'],
  ['port', '65536', 'failure reason'],
  ['port', '-1', 'failure reason'],
  ['info_hash', HUGE, 'failure reason'],
  ['info_hash', '', 'failure reason'],
])(
  '%s of a wrong size is refused, though it stood there rightly before',
  async (name, value, key) => {
    const { body } = await askOnce(tracker.at(), `${announceTarget()}&${name}=${value}`)
    expect(Object.keys(readDictionary(body))).toContain(key)
  },
)

test.each([
  ['before its first byte', ''],
  ['in its request line', 'GET /anno'],
  ['in its header fields', 'GET /health HTTP/1.1\r\nX: '],
  ['in a body', 'POST /announce HTTP/1.1\r\nContent-Length: 100\r\n\r\nxxx'],
  ['with an answer under way', requestText('/health')],
  ['with requests in a row under way', requestText('/health').repeat(3000)],
  ['with large answers under way', LARGE.repeat(100)],
])('resets %s harm nobody', async (_, text) => {
  for (let round = 0; round < 10; round++) {
    const connections = await Promise.all(Array.from({ length: 20 }, open))
    for (const connection of connections) if (text !== '') connection.send(text)
    // At any moment of what the tracker does with it.
    for (let turn = 0; turn < round; turn++) await new Promise(setImmediate)
    for (const connection of connections) connection.reset()
  }
  await expectHealth()
})
