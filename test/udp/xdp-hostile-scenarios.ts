// Scenarios that xdp-rules.test.ts runs in a network namespace: frames that nobody should send, and senders that are not where
// they say. All frames of the cable are watched, so no answer to anybody stays unseen.
import { deepStrictEqual, ok } from 'node:assert/strict'
import { cardOf } from '../../src/os/network-card.ts'
import { buildFrame, type FrameFields, type ReadFrame, readFrame } from '../support/frames.ts'
import { PacketSocket } from '../support/packet-socket.ts'
import { announceRequest, connectRequest, readConnect, scrapeRequest } from '../support/packets.ts'
import { randomWords } from '../support/random.ts'
import { withTracker } from '../support/tracker.ts'
import {
  CARD,
  HERE,
  OWN_CARD,
  RAW_PORTS,
  THERE,
  type TwoNetworks,
} from '../support/two-networks.ts'
import { waitUntil } from '../support/wait.ts'
import { metric, metricReaches, type Options, PORT, runScenario, settings } from './xdp-lab.ts'

/** AQUATIC_TEST_FRAMES: more of them, such as 1000000. */
const FRAMES = Number(process.env.AQUATIC_TEST_FRAMES ?? 30_000)
const PASSED = 'xdp_passed_total{what="others"}'
const UNLIMITED = '[source_limits]\nconnects_per_second = 0\nrequests_per_second = 0\n'

type Families = readonly (readonly [from: string, to: string])[]
const FAMILIES: Families = [
  [HERE.ipv4, THERE.ipv4],
  [HERE.ipv6, THERE.ipv6],
]

/** The test's end of the cable: requests, and the tracker's answers to whomever. */
class Cable {
  readonly macs: readonly [to: Uint8Array, from: Uint8Array]
  private readonly socket = new PacketSocket(OWN_CARD)
  private readonly there: Buffer
  private answered: Buffer[] = []

  constructor(networks: TwoNetworks) {
    this.there = Buffer.from(networks.mac())
    this.macs = [this.there, cardOf(OWN_CARD)?.mac ?? new Uint8Array(6)]
  }

  frame(fields: FrameFields): Buffer {
    return buildFrame({ macs: this.macs, ...fields })
  }

  send(frame: Buffer): boolean {
    const isSent = this.socket.send(frame)
    this.look()
    return isSent
  }

  /** What has come from the tracker's port since it was last asked. */
  take(): Buffer[] {
    this.look()
    const frames = this.answered
    this.answered = []
    return frames
  }

  /** The first answer to `port`, which is taken; others stay. */
  async answer(port: number): Promise<ReadFrame> {
    let at = -1
    await waitUntil(`an answer to port ${port}`, () => {
      this.look()
      at = this.answered.findIndex((frame) => readFrame(frame, true).to.port === port)
      return at >= 0
    })
    return readFrame(this.answered.splice(at, 1)[0], true)
  }

  close(): void {
    this.socket.close()
  }

  private look(): void {
    for (const frame of this.socket.take()) if (this.isAnswer(frame)) this.answered.push(frame)
  }

  private isAnswer(frame: Buffer): boolean {
    if (!frame.subarray(6, 12).equals(this.there)) return false
    const type = frame.readUInt16BE(12)
    if (type === 0x0800) return frame[23] === 17 && frame.readUInt16BE(34) === PORT
    return type === 0x86dd && frame[20] === 17 && frame.readUInt16BE(54) === PORT
  }
}

/** A tracker at the other end. */
async function withCable(
  networks: TwoNetworks,
  options: Options,
  use: (cable: Cable) => Promise<void>,
): Promise<void> {
  const cable = new Cable(networks)
  try {
    await withTracker(settings(networks, options), () => use(cable))
  } finally {
    cable.close()
  }
}

const GROUPS = ['ffffffffffff', '01005e000001', '333300000001'].map((mac) =>
  Buffer.from(mac, 'hex'),
)

/** Senders and receivers that cannot be: refused, or left to the kernel; nobody is answered. */
async function martians(networks: TwoNetworks): Promise<void> {
  const isIPv6 = (host: string) => host.includes(':')
  const payload = connectRequest(1)
  await withCable(networks, { more: UNLIMITED }, async (cable) => {
    const ask = (from: string, to: string, macs = cable.macs) =>
      cable.frame({ from: { host: from, port: 6881 }, to: { host: to, port: PORT }, payload, macs })
    const refused = [
      ...[THERE.ipv4, '10.9.0.255', '255.255.255.255', '224.0.0.1', '0.0.0.0', '127.0.0.1'],
      ...[THERE.ipv6, 'ff02::1', '::', '::1', '::ffff:a09:2'],
    ].map((from) => ask(from, isIPv6(from) ? THERE.ipv6 : THERE.ipv4))
    const passed = [
      ...['10.9.0.255', '255.255.255.255', '224.0.0.1', '0.0.0.0', '127.0.0.1'],
      ...['ff02::1', '::1', '::', '::ffff:a09:1'],
    ].map((to) => ask(isIPv6(to) ? HERE.ipv6 : HERE.ipv4, to))
    for (const [from, to] of FAMILIES) {
      for (const mac of [...GROUPS, Buffer.alloc(6)]) {
        refused.push(ask(from, to, [cable.macs[0], mac]))
      }
      for (const mac of GROUPS) passed.push(ask(from, to, [mac, cable.macs[1]]))
    }
    const none = await metric('xdp_refused_total{reason="source"}')
    for (const frame of refused) cable.send(frame)
    await good(cable, 1)
    await metricReaches('xdp_refused_total{reason="source"}', none + refused.length)
    await metricReaches('responses_total', 2)
    deepStrictEqual(await metric('responses_total'), 2)
    const [packets, others] = [await metric('xdp_packets_total'), await metric(PASSED)]
    for (const frame of passed) cable.send(frame)
    await good(cable, 2)
    await metricReaches('xdp_packets_total', packets + 2)
    await metricReaches(PASSED, others + passed.length)
    deepStrictEqual(await metric('xdp_packets_total'), packets + 2)
    // Addresses of our own that are new.
    networks.there(`ip addr add 10.9.0.77/24 dev ${CARD}`)
    networks.there(`ip addr add fd00::77/64 dev ${CARD} nodad`)
    const own = [ask('10.9.0.77', THERE.ipv4), ask('fd00::77', THERE.ipv6)]
    await waitUntil('requests from new addresses of the machine are refused', async () => {
      const before = await metric('xdp_refused_total{reason="source"}')
      for (const frame of own) cable.send(frame)
      await good(cable, 3)
      await metricReaches('xdp_packets_total', packets + 2)
      return (await metric('xdp_refused_total{reason="source"}')) >= before + own.length
    })
  })
}

/** A request over each family is answered. */
async function good(cable: Cable, transaction: number): Promise<void> {
  for (const [from, to] of FAMILIES) {
    const port = RAW_PORTS.from + transaction
    const payload = connectRequest(transaction)
    cable.send(cable.frame({ from: { host: from, port }, to: { host: to, port: PORT }, payload }))
    const got = readConnect(Buffer.from((await cable.answer(port)).payload))
    deepStrictEqual(got.transaction, transaction)
  }
}

/**
 * Requests with all kinds of damage, each from a port of its own: whoever gets an answer has asked, in a
 * packet that is whole, and the answer is not longer than the request.
 */
async function damaged(networks: TwoNetworks): Promise<void> {
  const random = randomWords(21)
  await withCable(networks, { more: UNLIMITED }, async (cable) => {
    /** The lengths of requests, by their ends. */
    const asked = new Map<string, number[]>()
    let [answers, sent] = [0, 0]
    const check = () => {
      for (const frame of cable.take()) {
        const bytes = asked.get(endsOf(frame, 0))?.pop()
        ok(bytes !== undefined, `nobody has asked for ${frame.toString('hex')}`)
        ok(frame.length <= bytes, `${frame.length} bytes for ${bytes}`)
        ok((frame[0] & 1) === 0, 'an answer to a group')
        answers++
      }
    }
    const requests = [
      Buffer.concat([connectRequest(1), Buffer.alloc(8)]),
      announceRequest(Buffer.alloc(8, 7)),
      scrapeRequest(
        Buffer.alloc(8, 7),
        Array.from({ length: 5 }, () => Buffer.alloc(20)),
      ),
    ]
    for (let i = 0; i < FRAMES; i++) {
      const [from, to] = FAMILIES[random() % 2]
      const port = 1024 + (i % 60_000)
      const payload = requests[random() % requests.length]
      const fields = { from: { host: from, port }, to: { host: to, port: PORT }, payload }
      const frame = damage(cable.frame(fields), random)
      if (frame.length < 14 || !cable.send(frame)) continue
      sent++
      const ends = frame.length < 62 ? '' : endsOf(frame, 1)
      asked.set(ends, [...(asked.get(ends) ?? []), frame.length])
      if (i % 64 === 0) check()
    }
    await good(cable, 1)
    check()
    // A part of them was not damaged where it matters.
    ok(answers > FRAMES / 100 && answers < FRAMES / 2, `${answers} answers`)
    const taken = await metric('xdp_packets_total')
    ok(taken > FRAMES / 10, `${taken} of ${sent} frames came by XDP`)
    await good(cable, 2)
  })
}

/** Who the frame is for, and from whom, as its reverse has it the other way round. */
function endsOf(frame: Buffer, turn: 0 | 1): string {
  const isIPv4 = frame.readUInt16BE(12) === 0x0800
  const [at, bytes, ports] = isIPv4 ? [26, 4, 34] : [22, 16, 54]
  const parts = [
    [frame.subarray(6, 12), frame.subarray(0, 6)],
    [frame.subarray(at, at + bytes), frame.subarray(at + bytes, at + 2 * bytes)],
    [frame.subarray(ports, ports + 2), frame.subarray(ports + 2, ports + 4)],
  ]
  return parts
    .map((ends) => Buffer.concat(turn === 0 ? ends : ends.reverse()).toString('hex'))
    .join()
}

/** Not to the receiver's Ethernet address: to groups the kernel answers, in its own way. */
function damage(good: Buffer, random: () => number): Buffer {
  const frame = Buffer.from(good)
  switch (random() % 5) {
    case 0:
      return frame.subarray(0, random() % (frame.length + 1))
    case 1:
      for (let n = random() % 4; n >= 0; n--) frame[6 + (random() % (frame.length - 6))] = random()
      return frame
    case 2:
      frame[6 + (random() % 56)] ^= 1 << (random() & 7)
      return frame
    case 3:
      // The sender is somebody else: what the checksum covers is damaged with it, or not.
      frame[6 + (random() % 6)] = random()
      return frame
    default:
      return Buffer.concat([frame, Buffer.alloc(random() % 64, random() & 0xff)])
  }
}

/** Each answer goes to the Ethernet address that its request came from: routers change, and neighbours have no router. */
async function neighbours(networks: TwoNetworks): Promise<void> {
  let local = ''
  await waitUntil('the card has a link-local address', () => {
    const shown = networks.there(`ip -6 addr show dev ${CARD} scope link -tentative`)
    local = /inet6 (fe80::[\da-f:]+)/.exec(shown)?.[1] ?? ''
    return local !== ''
  })
  await withCable(networks, { address: [`[::]:${PORT}`], more: UNLIMITED }, async (cable) => {
    const before = await metric('xdp_packets_total')
    let port = RAW_PORTS.from
    for (const [from, to] of [...FAMILIES, ['fe80::77', local]]) {
      for (const last of [0x41, 0x42, 0x41]) {
        const mac = Uint8Array.of(2, 0, 0, 0, 0, last)
        const macs = [cable.macs[0], mac] as const
        const payload = connectRequest(++port)
        const ends = { from: { host: from, port }, to: { host: to, port: PORT } }
        cable.send(cable.frame({ ...ends, payload, macs }))
        const got = await cable.answer(port)
        deepStrictEqual([...got.macs[0]], [...mac])
        deepStrictEqual(got.from, ends.to)
      }
    }
    await metricReaches('xdp_packets_total', before + 9)
  })
}

await runScenario({ martians, damaged, neighbours })
