// Which faults a test may ask for, what an error answer looks like, and that chance is the same for the same seed.
import { expect, test } from 'bun:test'
import { CommandFault, FaultSource, NO_PLAN, readFaults } from '../../src/test-mode/faults.ts'
import { HttpConversation, httpFailure } from '../../src/test-mode/http-conversation.ts'
import { failureFor } from '../../src/test-mode/udp-relay.ts'
import { WsConversation, wsFailure } from '../../src/test-mode/ws-conversation.ts'
import { announceRequest, connectRequest, readError, scrapeRequest } from '../support/packets.ts'
import { frame, OPCODE_CONTINUATION, OPCODE_PING, OPCODE_TEXT } from '../support/ws-client.ts'

test('what is not named has no fault', () => {
  expect(readFaults({})).toEqual({ plan: NO_PLAN, seed: 1 })
  const { plan, seed } = readFaults({ seed: 7, udp: { loss: 0.5, error: 'no' } })
  expect(seed).toBe(7)
  expect(plan.udp).toEqual({ loss: 0.5, delayMs: 0, error: 'no', dead: false })
  expect(plan.http).toEqual(NO_PLAN.http)
})

test.each([
  [{ htp: {} }, 'faults has no «htp», only seed, udp, http, ws'],
  [{ udp: { los: 1 } }, 'faults.udp has no «los», only loss, delayMs, error, dead'],
  [{ udp: { loss: 1.1 } }, 'faults.udp.loss must be a share from 0 to 1'],
  [{ ws: { delayMs: -1 } }, 'faults.ws.delayMs must be 0 to 60000 milliseconds'],
  [{ ws: { error: 'x'.repeat(1001) } }, 'faults.ws.error must be a text of at most 1000 bytes'],
  [{ http: { dead: 1 } }, 'faults.http.dead must be true or false'],
  [{ seed: 0.5 }, 'faults.seed is not a whole number'],
  [[], 'faults is not an object'],
])('%p is refused', (given, message) => {
  expect(() => readFaults(given)).toThrow(new CommandFault(message))
})

test('a share is lost, the same packets for the same seed', () => {
  const lostOf = (seed: number) => {
    const source = new FaultSource()
    source.set({ ...NO_PLAN.udp, loss: 0.25 }, seed)
    return Array.from({ length: 10_000 }, () => source.loses())
  }
  const lost = lostOf(5).filter((each) => each).length
  expect(lost).toBeGreaterThan(2350)
  expect(lost).toBeLessThan(2650)
  expect(lostOf(5)).toEqual(lostOf(5))
  expect(lostOf(6)).not.toEqual(lostOf(5))
})

test('over UDP announces and scrapes get the error, connects do not', () => {
  const id = Buffer.alloc(8, 1)
  const announce = announceRequest(id, { transaction: 77 })
  expect(readError(failureFor(announce, 'nö') as Buffer)).toEqual({ transaction: 77, text: 'nö' })
  expect(failureFor(scrapeRequest(id, [Buffer.alloc(20)], 5), 'no')).not.toBeNull()
  expect(failureFor(connectRequest(), 'no')).toBeNull()
  expect(failureFor(announce.subarray(0, 15), 'no')).toBeNull()
})

/** What a conversation has written. */
function written(source = new FaultSource()) {
  const client: Buffer[] = []
  const tracker: Buffer[] = []
  const ends = {
    toClient: (bytes: Buffer) => void client.push(Buffer.from(bytes)),
    toTracker: (bytes: Buffer) => void tracker.push(Buffer.from(bytes)),
    endTracker: () => {},
    source,
  }
  const text = (pieces: Buffer[]) => Buffer.concat(pieces).toString('latin1')
  return { ends, source, client: () => text(client), tracker: () => text(tracker) }
}

test('HTTP requests pass byte by byte as well as at once', () => {
  const text = 'GET /announce?a HTTP/1.1\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET'
  for (const size of [1, 7, text.length]) {
    const { ends, tracker } = written()
    const conversation = new HttpConversation(ends)
    for (let at = 0; at < text.length; at += size) {
      conversation.fromClient(Buffer.from(text.slice(at, at + size)))
    }
    conversation.clientEnds()
    expect(tracker()).toBe(text)
  }
})

test('only an announce and a scrape over HTTP fail', () => {
  const { ends, source, client, tracker } = written()
  source.set({ ...NO_PLAN.http, error: 'go' }, 1)
  const conversation = new HttpConversation(ends)
  conversation.fromClient(
    Buffer.from('GET /KEY/announce?x HTTP/1.1\r\n\r\nGET /health HTTP/1.1\r\n\r\n'),
  )
  expect(client()).toBe(httpFailure('go').toString())
  expect(client()).toEndWith('\r\n\r\nd14:failure reason2:goe')
  expect(tracker()).toBe('GET /health HTTP/1.1\r\n\r\n')
})

const UPGRADE = 'GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n'
const ACCEPTED = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'

test('a WebSocket message in pieces is lost or answered as a whole, and control frames pass', () => {
  const { ends, source, client, tracker } = written()
  const conversation = new WsConversation(ends)
  conversation.fromClient(Buffer.from(UPGRADE))
  conversation.fromTracker(Buffer.from(ACCEPTED))
  source.set({ ...NO_PLAN.ws, error: 'go' }, 1)
  const ping = frame(OPCODE_PING, Buffer.from('p'))
  const bytes = Buffer.concat([
    frame(OPCODE_TEXT, Buffer.from('{"action":"announce",'), false),
    ping,
    frame(OPCODE_CONTINUATION, Buffer.from('"info_hash":"ÿ"}')),
  ])
  for (const byte of bytes) conversation.fromClient(Buffer.of(byte))
  expect(tracker()).toBe(UPGRADE + ping.toString('latin1'))
  const failure = '{"action":"announce","failure reason":"go","info_hash":"ÿ"}'
  expect(Buffer.from(client().slice(ACCEPTED.length + 2), 'latin1').toString()).toBe(failure)
})

test('a failure waits until the message under way to the client has ended', () => {
  const { ends, source, client } = written()
  const conversation = new WsConversation(ends)
  conversation.fromClient(Buffer.from(UPGRADE))
  conversation.fromTracker(Buffer.from(ACCEPTED))
  source.set({ ...NO_PLAN.ws, error: 'go' }, 1)
  // A frame of 3 bytes, of which the last is still to come.
  conversation.fromTracker(Buffer.of(0x81, 3, 0x61, 0x62))
  conversation.fromClient(frame(OPCODE_TEXT, Buffer.from('{"action":"scrape"}')))
  conversation.fromTracker(Buffer.of(0x63))
  const [failure, answer] = [client().indexOf('failure'), client().indexOf('\x81\x03abc')]
  expect(failure).toBeGreaterThan(0)
  expect(answer).toBeGreaterThan(failure)
})

test('an answer to an offer, and what is no message, gets no failure', () => {
  const answer = JSON.stringify({ action: 'announce', answer: {}, info_hash: 'x' })
  expect(wsFailure(Buffer.from(answer), 'no')).toBeNull()
  expect(wsFailure(Buffer.from('{'), 'no')).toBeNull()
})
