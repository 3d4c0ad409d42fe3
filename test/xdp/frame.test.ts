// Frames as they come from a card: which are taken, which are refused and why, and what the answers look like. Frames
// are built, and answers taken apart, by code that shares nothing with src/xdp.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import {
  alignFrame,
  BAD_CHECKSUM,
  BAD_FORM,
  BAD_LENGTH,
  BAD_SOURCE,
  FRAME_IPV4,
  FRAME_IPV6,
  FrameReader,
  writeAnswerIPv4,
  writeAnswerIPv6,
} from '../../src/xdp/frame.ts'
import { CHUNK_BYTES, SEND_BYTES_AT } from '../../src/xdp/layout.ts'
import {
  buildFrame,
  type FrameFields,
  MACS,
  partialChecksum,
  readFrame,
} from '../support/frames.ts'
import { addressBytes } from '../support/packets.ts'
import { randomWords } from '../support/random.ts'

setDefaultTimeout(60_000)

/** AQUATIC_TEST_FRAMES: more of them. */
const MUTATIONS = Number(process.env.AQUATIC_TEST_FRAMES ?? 100_000)

const RECEIVED_AT = 258
const words = new Int32Array((4 * CHUNK_BYTES) / 4)
const bytes = Buffer.from(words.buffer)
const reader = new FrameReader()

/** As the kernel writes it, after whatever was there before. */
function read(frame: Buffer): number {
  bytes.fill(0xa5)
  bytes.set(frame, RECEIVED_AT)
  return reader.read(words, RECEIVED_AT, frame.length)
}

/** The answer of these bytes to the frame that was read last. */
function answer(kind: number, payload: Uint8Array, id = 7): Buffer {
  const chunk = 2 * CHUNK_BYTES
  bytes.set(payload, chunk + (kind === FRAME_IPV4 ? 44 : 64))
  const length =
    kind === FRAME_IPV4
      ? writeAnswerIPv4(words, chunk, payload.length, words, reader.ip, id)
      : writeAnswerIPv6(words, chunk, payload.length, words, reader.ip)
  return bytes.subarray(chunk + SEND_BYTES_AT, chunk + SEND_BYTES_AT + length)
}

const IPV4: FrameFields = {
  from: { host: '10.0.0.7', port: 6881 },
  to: { host: '10.0.0.1', port: 3000 },
  payload: Buffer.from('a request of 22 bytes.'),
}
const IPV6: FrameFields = {
  from: { host: '2001:db8::7', port: 6881 },
  to: { host: '2001:db8::1', port: 3000 },
  payload: Buffer.from('a request of 22 bytes.'),
}

describe.each([
  ['IPv4', FRAME_IPV4, IPV4],
  ['IPv6', FRAME_IPV6, IPV6],
] as const)('%s', (_, kind, fields) => {
  const head = kind === FRAME_IPV4 ? 20 : 40

  test('a request of every length is taken where it lies', () => {
    for (let length = 0; length <= 1472; length++) {
      const payload = Buffer.alloc(length, `${length} `)
      expect(read(buildFrame({ ...fields, payload }))).toBe(kind)
      expect(reader.bytes).toBe(length)
      expect(
        bytes.compare(payload, 0, length, reader.payload * 4, reader.payload * 4 + length),
      ).toBe(0)
    }
  })

  test('an answer of every length goes back whole to whom the request came from', () => {
    const most = kind === FRAME_IPV4 ? 1472 : 1452
    for (let length = 0; length <= most; length++) {
      read(buildFrame(fields))
      const payload = Buffer.alloc(length, `${length} `)
      const got = readFrame(answer(kind, payload, length))
      expect(got).toMatchObject({ from: fields.to, to: fields.from, timeToLive: 64 })
      expect(got.macs.map((mac) => [...mac])).toEqual([MACS[1], MACS[0]].map((mac) => [...mac]))
      expect(payload.equals(got.payload)).toBe(true)
      expect(got.id).toBe(kind === FRAME_IPV4 ? swap(length) : 0)
    }
  })

  test('what Ethernet adds to short frames is not part of the request', () => {
    const frame = Buffer.concat([
      buildFrame({ ...fields, payload: Buffer.from('short') }),
      Buffer.alloc(18),
    ])
    expect(read(frame)).toBe(kind)
    expect(reader.bytes).toBe(5)
  })

  test('every shorter piece of a frame is refused', () => {
    const frame = buildFrame(fields)
    for (let length = 0; length < frame.length; length++) {
      expect(read(frame.subarray(0, length))).toBe(BAD_LENGTH)
    }
  })

  test('a UDP length that lies is refused', () => {
    for (const length of [0, 7, 8 + fields.payload.length + 1, 65535]) {
      const change = (ip: Buffer) => ip.writeUInt16BE(length, head + 4)
      expect(read(buildFrame({ ...fields, change }))).toBe(BAD_LENGTH)
    }
  })

  test('a UDP length shorter than the packet ends the request there, as for the kernel', () => {
    const change = (ip: Buffer) => ip.writeUInt16BE(8 + 5, head + 4)
    expect(read(buildFrame({ ...fields, change }))).toBe(kind)
    expect(reader.bytes).toBe(5)
  })

  test('an IP length that lies is refused', () => {
    for (const extra of [1, 1000, 60000]) {
      const change = (ip: Buffer) =>
        ip.writeUInt16BE(
          (kind === FRAME_IPV4 ? ip.length : ip.length - 40) + extra,
          kind === FRAME_IPV4 ? 2 : 4,
        )
      expect(read(buildFrame({ ...fields, change }))).toBe(BAD_LENGTH)
    }
  })

  test('every single changed bit of what the checksum covers is noticed', () => {
    const good = buildFrame(fields)
    for (let bit = (14 + head) * 8; bit < good.length * 8; bit++) {
      const frame = Buffer.from(good)
      frame[bit >> 3] ^= 1 << (bit & 7)
      const verdict = read(frame)
      expect(verdict === BAD_CHECKSUM || verdict === BAD_LENGTH).toBe(true)
    }
  })

  test('a sum of 0 is written as 0xffff, and read so', () => {
    // One of these ends makes the sum 0: 0 in its place would mean that there is none.
    const payload = Buffer.alloc(16)
    let found = 0
    for (let end = 0; end < 0x10000; end++) {
      payload.writeUInt16BE(end, 14)
      read(buildFrame(fields))
      const sent = Buffer.from(answer(kind, payload))
      if (sent.readUInt16BE(14 + head + 6) !== 0xffff) continue
      found++
      readFrame(sent)
      expect(read(buildFrame({ ...fields, from: fields.to, to: fields.from, payload }))).toBe(kind)
    }
    expect(found).toBeGreaterThan(0)
  })

  test('a request of any service and flow gets an answer without', () => {
    const change = (ip: Buffer) =>
      kind === FRAME_IPV4 ? ip.writeUInt8(0xb9, 1) : ip.writeUInt32BE(0x6b912345, 0)
    expect(read(buildFrame({ ...fields, change }))).toBe(kind)
    readFrame(answer(kind, fields.payload))
  })

  test('a checksum that is left for the card to complete is accepted', () => {
    const checksum = partialChecksum(buildFrame(fields))
    expect(read(buildFrame({ ...fields, checksum }))).toBe(kind)
    expect(read(buildFrame({ ...fields, checksum: checksum ^ 0x0100 }))).toBe(BAD_CHECKSUM)
  })

  test('a request from the address that it is for gets no answer', () => {
    const from = { ...fields.to, port: 5 }
    expect(read(buildFrame({ ...fields, from }))).toBe(BAD_SOURCE)
  })

  test('an answer goes neither to a group of Ethernet addresses nor to none', () => {
    for (const [first, last, verdict] of [
      [0xff, 0xff, BAD_SOURCE],
      [0x01, 0x5e, BAD_SOURCE],
      [0x33, 0x01, BAD_SOURCE],
      [0, 0, BAD_SOURCE],
      [0, 1, kind],
      [0xfe, 0, kind],
    ]) {
      const frame = buildFrame(fields).fill(0, 6, 12)
      frame[6] = first
      frame[11] = last
      expect(read(frame)).toBe(verdict)
    }
  })

  test('a request from an address of our own gets no answer', () => {
    const list = new Int32Array(4)
    const bytes = addressBytes(fields.from.host)
    if (bytes.length === 4) list[2] = 0xffff0000
    new Uint8Array(list.buffer).set(bytes, 16 - bytes.length)
    reader.own.set(list)
    expect(read(buildFrame(fields))).toBe(BAD_SOURCE)
    reader.own.set(new Int32Array(0))
    expect(read(buildFrame(fields))).toBe(kind)
  })

  test('other protocols are not UDP', () => {
    const change = (ip: Buffer) => {
      ip[kind === FRAME_IPV4 ? 9 : 6] = 6
    }
    expect(read(buildFrame({ ...fields, change }))).toBe(BAD_FORM)
  })

  test(`of ${MUTATIONS} damaged frames none is answered to anybody but its sender`, () => {
    const random = randomWords(kind + 1)
    const good = buildFrame({ ...fields, payload: Buffer.alloc(98, 'x') })
    const seen = new Map<number, number>()
    for (let i = 0; i < MUTATIONS; i++) {
      const frame = damaged(good, random)
      const verdict = read(frame)
      seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
      if (verdict > FRAME_IPV6) continue
      expect(14 + reader.bytes + 28).toBeLessThanOrEqual(frame.length)
      const back = answer(verdict, frame.subarray(0, 16))
      readFrame(back)
      expect(back[0] & 1).toBe(0)
      // Ethernet addresses, IP addresses and ports, each where the other was.
      const [first, size] = verdict === FRAME_IPV4 ? [26, 4] : [22, 16]
      for (const [at, bytes] of [
        [0, 6],
        [first, size],
        [first + 2 * size, 2],
      ]) {
        expect(back.compare(frame, at + bytes, at + 2 * bytes, at, at + bytes)).toBe(0)
        expect(back.compare(frame, at, at + bytes, at + bytes, at + 2 * bytes)).toBe(0)
      }
    }
    // Each kind of damage is among them, and some that does no harm.
    const all = [kind, BAD_FORM, BAD_LENGTH, BAD_CHECKSUM, BAD_SOURCE]
    expect([...seen.keys()].sort()).toEqual(all.sort())
  })
})

/** The two bytes of a number, as the machine has them. */
function swap(number: number): number {
  return ((number & 0xff) << 8) | (number >> 8)
}

/** One of several kinds of damage, and sometimes none. */
function damaged(good: Buffer, random: () => number): Buffer {
  const frame = Buffer.from(good)
  switch (random() % 4) {
    case 0:
      return frame.subarray(0, random() % (frame.length + 1))
    case 1:
      for (let n = random() % 4; n >= 0; n--) frame[random() % frame.length] = random()
      return frame
    case 2:
      // Headers alone, where all the decisions are made.
      frame[12 + (random() % 50)] = random()
      return frame
    default:
      return Buffer.concat([frame, Buffer.alloc(random() % 64, random() & 0xff)])
  }
}

test.each(['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '239.1.2.3', '255.255.255.255'])(
  'nobody can be at %s',
  (host) => {
    expect(read(buildFrame({ ...IPV4, from: { host, port: 6881 } }))).toBe(BAD_SOURCE)
  },
)

test.each(['::', '::1', 'ff02::1', '::ffff:a00:7'])('nobody can be at %s', (host) => {
  expect(read(buildFrame({ ...IPV6, from: { host, port: 6881 } }))).toBe(BAD_SOURCE)
})

test.each(['::2', '::fffe:a00:7', 'fe80::1', '1::', '0:0:1::1'])(
  'somebody can be at %s',
  (host) => {
    expect(read(buildFrame({ ...IPV6, from: { host, port: 6881 } }))).toBe(FRAME_IPV6)
  },
)

test.each([0, 1, 2, 3])(
  'a frame that lies %i bytes further than usual is moved there',
  (further) => {
    const frame = buildFrame(IPV4)
    const address = RECEIVED_AT + further
    bytes.set(frame, address)
    const at = alignFrame(bytes, address, frame.length)
    expect(at).toBe(further === 0 ? address : address - (further % 4))
    expect(reader.read(words, at, frame.length)).toBe(FRAME_IPV4)
    expect(bytes.compare(frame, 0, frame.length, at, at + frame.length)).toBe(0)
  },
)

test('IPv4 may come without a UDP checksum, IPv6 may not', () => {
  expect(read(buildFrame({ ...IPV4, checksum: 0 }))).toBe(FRAME_IPV4)
  expect(read(buildFrame({ ...IPV6, checksum: 0 }))).toBe(BAD_CHECKSUM)
})

test('IP options, fragments and other versions are refused', () => {
  expect(read(buildFrame({ ...IPV4, options: Uint8Array.of(1, 1, 1, 0) }))).toBe(BAD_FORM)
  for (const fragment of [0x2000, 0x0001, 0x1fff]) {
    const change = (ip: Buffer) => ip.writeUInt16BE(fragment, 6)
    expect(read(buildFrame({ ...IPV4, change }))).toBe(BAD_FORM)
  }
  const change = (ip: Buffer) => {
    ip[0] = 0x50
  }
  expect(read(buildFrame({ ...IPV6, change }))).toBe(BAD_FORM)
  const unfragmented = (ip: Buffer) => ip.writeUInt16BE(0x4000, 6)
  expect(read(buildFrame({ ...IPV4, change: unfragmented }))).toBe(FRAME_IPV4)
})

test('a wrong IPv4 header checksum is noticed', () => {
  const good = buildFrame(IPV4)
  for (let bit = 14 * 8; bit < 34 * 8; bit++) {
    const frame = Buffer.from(good)
    frame[bit >> 3] ^= 1 << (bit & 7)
    expect(read(frame)).toBeGreaterThan(FRAME_IPV6)
  }
})

test('what is neither IPv4 nor IPv6 is refused', () => {
  const frame = buildFrame(IPV4)
  for (const type of [0x0806, 0x8100, 0x88a8, 0]) {
    frame.writeUInt16BE(type, 12)
    expect(read(frame)).toBe(BAD_FORM)
  }
})
