// What can be wrong with a UDP tracker: a fault for each conformance check, which has to see it. Used by udp-faults.test.ts.
import {
  answerOf,
  errorOf,
  type From,
  peerBytes,
  type UdpFault,
  type UdpTracker,
  words,
} from './udp-tracker.ts'

const actionOf = (packet: Buffer) => (packet.length < 12 ? -1 : packet.readUInt32BE(8))
const isAnnounce = (packet: Buffer) => actionOf(packet) === 1
const eventOf = (packet: Buffer) => (packet.length < 98 ? -1 : packet.readUInt32BE(80))

function changed(packet: Buffer, change: (copy: Buffer) => void): Buffer {
  const copy = Buffer.from(packet)
  change(copy)
  return copy
}

/** Of requests of an action, of a length. */
function lost(fits: (packet: Buffer, from: From) => boolean): UdpFault {
  return { request: (packet, from) => (fits(packet, from) ? null : packet) }
}

function request(fits: (packet: Buffer) => boolean, change: (copy: Buffer) => void): UdpFault {
  return { request: (packet) => (fits(packet) ? changed(packet, change) : packet) }
}

/** Of answers with an action. */
function answer(
  action: number,
  change: (answer: Buffer, request: Buffer, from: From, tracker: UdpTracker) => Buffer,
): UdpFault {
  return {
    answer: (right, packet, from, tracker) =>
      right?.readUInt32BE(0) === action ? change(right, packet, from, tracker) : right,
  }
}

/** Where nothing should be sent. */
function spoken(fits: (packet: Buffer) => boolean, text: string): UdpFault {
  return {
    answer: (right, packet) =>
      right ?? (packet.length >= 16 && fits(packet) ? errorOf(packet, text) : null),
  }
}

function withEvent(wrong: number, instead: number): UdpFault {
  return request(
    (packet) => isAnnounce(packet) && eventOf(packet) === wrong,
    (copy) => copy.writeUInt32BE(instead, 80),
  )
}

const withoutPeers = (right: Buffer) => right.subarray(0, 20)
const wants = (count: number): UdpFault =>
  answer(1, (right, packet) => (packet.readInt32BE(92) === count ? withoutPeers(right) : right))
const ignoresNumWant = request(isAnnounce, (copy) => copy.writeInt32BE(-1, 92))
const padded = (length: number): UdpFault => ({
  request: (packet) =>
    packet.length === length ? Buffer.concat([packet, Buffer.alloc(1, 1)]) : packet,
})
const anotherPort = (fits: (packet: Buffer) => boolean) =>
  request(
    (packet) => isAnnounce(packet) && fits(packet),
    (copy) => copy.writeUInt16BE(copy.readUInt16BE(96) ^ 0x8000, 96),
  )

function countsEveryCompletion(): UdpFault {
  return {
    request: (packet, _, tracker) => {
      const hash = packet.toString('hex', 16, 36)
      if (eventOf(packet) !== 1) return packet
      tracker.downloads.set(hash, (tracker.downloads.get(hash) ?? 0) + 1)
      return changed(packet, (copy) => copy.writeUInt32BE(0, 80))
    },
  }
}

/** Ids of which each is good for one thing. */
function remembers(
  isGood: (
    issued: { id: string; port: number }[],
    id: string,
    port: number,
    uses: number,
  ) => boolean,
): UdpFault {
  const issued: { id: string; port: number }[] = []
  const uses = new Map<string, number>()
  let count = 0
  return {
    idFor: ({ port }) => {
      const id = words(7, ++count)
      issued.push({ id: id.toString('hex'), port })
      return id
    },
    accepts: (bytes, { port }) => {
      // What is asked for the right id here is none that was issued.
      issued.pop()
      const id = bytes.toString('hex')
      uses.set(id, (uses.get(id) ?? 0) + 1)
      return isGood(issued, id, port, uses.get(id) ?? 0)
    },
  }
}

const CONNECTING: Record<string, UdpFault> = {
  'udp/connect/answered': lost((packet) => actionOf(packet) === 0),
  'udp/connect/answered-from-the-address-asked': { elsewhere: true },
  'udp/connect/16-bytes': answer(0, (right) => Buffer.concat([right, words(0)])),
  'udp/connect/longer-request-answered': lost(
    (packet) => actionOf(packet) === 0 && packet.length > 16,
  ),
  'udp/connect/answered-once': { answer: (right) => (right === null ? null : [right, right]) },
  'udp/connect/wrong-protocol-id-is-silent': request(
    (packet) => actionOf(packet) === 0,
    (copy) => copy.write('0000041727101980', 'hex'),
  ),
  'udp/connect/15-bytes-are-silent': padded(15),
  'udp/connect/empty-packet-is-silent': {
    request: (packet) =>
      packet.length === 0 ? Buffer.from('00000417271019800000000000000001', 'hex') : packet,
  },
  'udp/connection-id/serves-several-requests': remembers((_, __, ___, uses) => uses === 1),
  'udp/connection-id/a-newer-one-leaves-it-valid': remembers(
    (issued, id) => issued.at(-1)?.id === id,
  ),
  'udp/connection-id/valid-from-every-port': remembers((issued, id, port) =>
    issued.some((each) => each.id === id && each.port === port),
  ),
  'udp/connection-id/refused-from-another-address': {
    idFor: () => words(1, 2),
  },
  'udp/connection-id/unknown-is-silent': spoken(isAnnounce, 'Bad id'),
  'udp/connection-id/unknown-is-not-amplified': spoken(
    (packet) => actionOf(packet) === 9,
    'Connection id missmatch.',
  ),
  'udp/connection-id/unknown-never-joins': { accepts: () => true },
  'udp/connection-id/one-bit-changed-is-refused': {
    accepts: (id, _, right) => id.subarray(0, 7).equals(right.subarray(0, 7)),
  },
  'udp/connection-id/zero-is-refused': {
    accepts: (id, _, right) => id.equals(right) || id.equals(words(0, 0)),
  },
  'udp/connection-id/scrape-with-an-unknown-one-is-silent': spoken(
    (packet) => actionOf(packet) === 2,
    'Bad id',
  ),
  'udp/connection-id/not-the-same-for-all': { idFor: () => words(1, 2) },
  'udp/malformed/short-announce-is-silent': padded(97),
  'udp/malformed/short-announce-never-joins': padded(97),
  'udp/malformed/unknown-action-is-silent': spoken(
    (packet) => actionOf(packet) > 2,
    'Unknown action',
  ),
  'udp/malformed/port-0-gets-an-error': request(
    (packet) => isAnnounce(packet) && packet.readUInt16BE(96) === 0,
    (copy) => copy.writeUInt16BE(1, 96),
  ),
  'udp/malformed/error-says-why': answer(3, (_, packet) => errorOf(packet, '')),
  'udp/malformed/error-is-not-longer-than-the-request': answer(3, (_, packet) =>
    errorOf(packet, 'no '.repeat(40)),
  ),
}

const ANNOUNCING: Record<string, UdpFault> = {
  'udp/announce/answered': answer(1, (right) => right.subarray(0, 19)),
  'udp/announce/interval-that-lists-take': answer(1, (right) =>
    changed(right, (copy) => copy.writeUInt32BE(120, 8)),
  ),
  'udp/announce/longer-request-answered': lost(
    (packet) => isAnnounce(packet) && packet.length > 98,
  ),
  'udp/announce/url-data-does-no-harm': lost((packet) => isAnnounce(packet) && packet[98] === 2),
  'udp/announce/unfinished-option-does-no-harm': lost(
    (packet) => isAnnounce(packet) && packet[99] > packet.length - 100,
  ),
  'udp/announce/second-announce-renews': anotherPort((packet) => eventOf(packet) === 0),
  'udp/peers/first-is-returned-to-the-second': answer(1, withoutPeers),
  'udp/peers/source-address-is-used': { address: () => '127.0.0.2' },
  'udp/peers/ip-field-is-ignored': {
    address: (packet, { host }) =>
      packet.readUInt32BE(84) === 0 ? host : [...packet.subarray(84, 88)].join('.'),
  },
  'udp/peers/announcer-is-left-out': answer(1, (right, packet, { host }) =>
    Buffer.concat([right, peerBytes({ address: host, port: packet.readUInt16BE(96) })]),
  ),
  'udp/peers/each-once': answer(1, (right) => Buffer.concat([right, right.subarray(20, 26)])),
  'udp/peers/identified-by-address-and-port': { key: (packet) => packet.toString('hex', 36, 56) },
  'udp/peers/only-of-the-torrent': request(
    (packet) => packet.length >= 36,
    (copy) => copy.fill(0, 35, 36),
  ),
  'udp/peers/seeder-gets-leechers-only': answer(1, (right, packet, { host }, tracker) => {
    const own = packet.readUInt16BE(96)
    const others = [...tracker.swarm(packet.toString('hex', 16, 36)).values()].filter(
      ({ port }) => port !== own,
    )
    return Buffer.concat([
      withoutPeers(right),
      ...others.map(({ port }) => peerBytes({ address: host, port })),
    ])
  }),
  'udp/peers/leecher-gets-both': answer(1, (right, packet, { host }, tracker) => {
    const seeders = [...tracker.swarm(packet.toString('hex', 16, 36)).values()].filter(
      ({ seeder }) => seeder,
    )
    return Buffer.concat([
      withoutPeers(right),
      ...seeders.map(({ port }) => peerBytes({ address: host, port })),
    ])
  }),
  'udp/num-want/1-gets-one': ignoresNumWant,
  'udp/num-want/2-gets-two': ignoresNumWant,
  'udp/num-want/minus-1-gets-the-usual': wants(-1),
  'udp/num-want/0-gets-the-usual': wants(0),
  'udp/num-want/other-negative-gets-the-usual': wants(-(2 ** 31)),
  'udp/num-want/huge-gets-the-usual': wants(2 ** 31 - 1),
  'udp/num-want/answer-fits-one-packet': { bytesMax: 60_000 },
  'udp/counts/left-0-is-a-seeder': request(isAnnounce, (copy) => copy.writeUInt32BE(1, 68)),
  'udp/counts/any-other-left-is-a-leecher': request(isAnnounce, (copy) =>
    copy.writeUInt32BE(0, 64),
  ),
  'udp/counts/announcer-is-not-counted': answer(1, (right) =>
    changed(right, (copy) => copy.writeUInt32BE(copy.readUInt32BE(12) + 1, 12)),
  ),
  'udp/counts/agree-with-the-scrape': answer(1, (right) =>
    changed(right, (copy) => copy.writeUInt32BE(copy.readUInt32BE(16) + 1, 16)),
  ),
  'udp/counts/leecher-becomes-a-seeder': anotherPort((packet) => eventOf(packet) === 0),
  'udp/event/stopped-removes': withEvent(3, 0),
  'udp/event/stopped-gets-no-peers': withEvent(3, 0),
  'udp/event/stopped-of-a-stranger-is-answered': withEvent(3, 0),
  'udp/event/completed-counts-a-download': withEvent(1, 0),
  'udp/event/completed-counts-once': countsEveryCompletion(),
  'udp/event/completed-of-a-stranger-counts-nothing': countsEveryCompletion(),
  'udp/event/paused-stays': withEvent(4, 3),
  'udp/event/unknown-renews': lost((packet) => eventOf(packet) > 4),
}

const entries = (right: Buffer) =>
  Array.from({ length: (right.length - 8) / 12 }, (_, i) => right.subarray(8 + 12 * i, 20 + 12 * i))
const scraped = (change: (entries: Buffer[], request: Buffer) => Buffer[]) =>
  answer(2, (right, packet) => answerOf(2, packet, Buffer.concat(change(entries(right), packet))))

const SCRAPING: Record<string, UdpFault> = {
  'udp/scrape/counts': scraped((all) =>
    all.map((entry) =>
      Buffer.concat([entry.subarray(4, 8), entry.subarray(0, 4), entry.subarray(8)]),
    ),
  ),
  'udp/scrape/unknown-gets-zeros': scraped((all) =>
    all.filter((entry) => entry.some((byte) => byte !== 0)),
  ),
  'udp/scrape/keeps-the-order': scraped((all) => all.toReversed()),
  'udp/scrape/repeated-is-repeated': scraped((all) =>
    all.filter((entry, i) => !entry.equals(all[i - 1] ?? Buffer.alloc(0))),
  ),
  'udp/scrape/creates-no-peer': {
    request: (packet, _, tracker) => {
      if (actionOf(packet) === 2)
        tracker
          .swarm(packet.toString('hex', 36, 56))
          .set('x', { address: '127.0.0.1', port: 1, seeder: false })
      return packet
    },
  },
  'udp/scrape/trailing-bytes-are-ignored': lost(
    (packet) => actionOf(packet) === 2 && packet.length % 20 !== 16,
  ),
  'udp/scrape/nothing-gets-an-error': answer(3, (_, packet) =>
    answerOf(2, packet, Buffer.alloc(0)),
  ),
  'udp/scrape/74-torrents-are-served': scraped((all) => all.slice(0, 70)),
  'udp/scrape/too-many-are-cut-off': { bytesMax: 60_000 },
}

export const UDP_FAULTS: Readonly<Record<string, UdpFault>> = {
  ...CONNECTING,
  ...ANNOUNCING,
  ...SCRAPING,
}
