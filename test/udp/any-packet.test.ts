// Whatever arrives, the handler neither fails, nor amplifies, nor writes where it must not; and the
// swarms are in order afterwards.
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Cleaner } from '../../src/swarm/walks/cleaner.ts'
import {
  addressBytes,
  announceRequest,
  connectRequest,
  infoHash,
  scrapeRequest,
} from '../support/packets.ts'
import { randomWords } from '../support/random.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { checkInvariants } from '../swarm/invariants.ts'
import { START, UdpHarness } from './harness.ts'

setDefaultTimeout(180_000)

const SLOT_BYTES = 5120
const LONGEST = 5200
const TRANSACTION = 0xa1b2c3d4
const ACTIONS = [0, 1, 2, 3, 4, 5, 6, 255, 0x01000000, 0x02000000, 0x7fffffff, 0xffffffff]

/** TEST_SEED repeats a run that failed. */
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 2 ** 31)

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each([
    { name: 'IPv4', from: addressBytes('192.0.2.7'), max: 1472 },
    { name: 'IPv6', from: addressBytes('2001:db8::7'), max: 1232 },
  ])('every length and every action over $name', ({ from, max }) => {
    test.each([false, true])('with invalid_connection_id = error: %p', (answerInvalidId) => {
      const harness = new UdpHarness({ maxTorrents: 1000, answerInvalidId })
      const ids = {
        valid: harness.connect(from),
        invalid: Buffer.alloc(8, 0x5a),
        magic: connectRequest().subarray(0, 8),
      }
      const random = randomWords(1)
      const { received, receivedBytes } = harness
      for (let sent = 0; sent <= LONGEST; sent++) {
        const length = Math.min(sent, SLOT_BYTES)
        for (let i = 0; i < received.length; i++) received[i] = random()
        for (const [kind, id] of Object.entries(ids)) {
          for (const action of ACTIONS) {
            receivedBytes.set(id, 0)
            receivedBytes.writeUInt32BE(action, 8)
            receivedBytes.writeUInt32BE(TRANSACTION, 12)
            const size = harness.handle(length, from)
            const valid = kind === 'valid' || answerInvalidId
            const answered =
              action === 0 ? kind === 'magic' && length >= 16 : valid && isRequest(action, length)
            if (size > 0 !== answered || size > max || (kind !== 'valid' && size > length)) {
              throw new Error(`${length} bytes, action ${action}, ${kind} id: ${size} bytes back`)
            }
          }
        }
      }
      checkInvariants(harness.swarm)
    })
  })

  /** Whether it is an announce or a scrape; their connection id is another matter. */
  function isRequest(action: number, length: number): boolean {
    return (action === 1 && length >= 98) || (action === 2 && length >= 16)
  }

  /** A client that keeps its id, and sometimes asks for a new one. */
  interface Client {
    readonly address: Buffer
    readonly max: number
    id: Buffer
    issuedAt: number
  }

  const PACKETS = 1_000_000
  const MAX_AGE = 60
  const PACKETS_PER_SECOND = 5000

  class Storm {
    readonly harness = new UdpHarness({
      maxTorrents: 60,
      maxPeers: 1500,
      maxConnectionAge: MAX_AGE,
    })
    answered = 0
    private readonly random = randomWords(SEED)
    private readonly clients: Client[] = []
    private readonly templates = [
      connectRequest(),
      announceRequest(Buffer.alloc(8)),
      announceRequest(Buffer.alloc(8)),
      announceRequest(Buffer.alloc(8), { trailing: Buffer.from('02092f616e6e6f756e6365', 'hex') }),
      scrapeRequest(
        Buffer.alloc(8),
        Array.from({ length: 255 }, (_, i) => infoHash(i)),
      ),
      null,
    ]
    private readonly cleaner: Cleaner

    constructor() {
      for (let i = 0; i < 64; i++) {
        const address = addressBytes(i % 2 === 0 ? `192.0.2.${i}` : `2001:db8::${i}`)
        const max = i % 2 === 0 ? 1472 : 1232
        this.clients.push({ address, max, id: Buffer.alloc(8), issuedAt: -MAX_AGE - 1 })
      }
      const { swarms } = this.harness.swarm
      this.cleaner = new Cleaner(swarms, [...swarms.ipv4, ...swarms.ipv6], 5, 20, false, START)
    }

    run(packets: number): void {
      for (let i = 0; i < packets; i++) {
        if (i % PACKETS_PER_SECOND === 0) this.harness.setTime(this.harness.now + 1)
        if (i % 64 === 0) this.cleaner.step(this.harness.now)
        const client = this.clients[this.below(this.clients.length)]
        const length = this.makePacket(client)
        this.check(client, length, this.harness.handle(length, client.address), i)
      }
    }

    /** Writes a packet to where it is received; returns its length. */
    private makePacket(client: Client): number {
      const { receivedBytes } = this.harness
      const template = this.templates[this.below(this.templates.length)]
      let length = template?.length ?? this.below(this.below(8) === 0 ? SLOT_BYTES : 200)
      if (template === null) {
        for (let at = 0; at < length; at++) receivedBytes[at] = this.random()
      } else {
        receivedBytes.set(template)
        receivedBytes.writeUInt32LE(this.random(), 12)
      }
      // Random bytes too get a valid head now and then, or they would all end at the first check.
      if (template !== this.templates[0] && this.below(16) !== 0) receivedBytes.set(client.id)
      if (template === null && this.below(4) !== 0) receivedBytes.writeUInt32BE(this.below(4), 8)
      if (length === 98 || length === 109) this.varyAnnounce()
      if (this.below(3) === 0) {
        for (let flips = this.below(4); flips >= 0; flips--) {
          receivedBytes[this.below(Math.max(1, length))] = this.random()
        }
      }
      if (this.below(8) === 0) length = Math.max(0, length - this.below(length + 1))
      if (this.below(16) === 0) length = Math.min(SLOT_BYTES, length + this.below(50))
      return length
    }

    private varyAnnounce(): void {
      const { receivedBytes } = this.harness
      receivedBytes[16] = this.below(80)
      receivedBytes.writeUInt8(this.below(2), 71)
      receivedBytes.writeUInt32BE(this.below(6), 80)
      receivedBytes.writeInt32BE(this.below(300) - 2, 92)
      receivedBytes.writeUInt16BE(this.below(40), 96)
      if (this.below(4) === 0) receivedBytes.fill(0, 64, 72)
    }

    private check(client: Client, length: number, size: number, packet: number): void {
      if (size === 0) return
      this.answered++
      const { receivedBytes, now } = this.harness
      const answer = this.harness.answer(size)
      const action = answer.readUInt32BE(0)
      const proven =
        receivedBytes.compare(client.id, 0, 8, 0, 8) === 0 && now - client.issuedAt <= MAX_AGE
      const wrong =
        size < 8 ||
        size > client.max ||
        (!proven && (size > length || action !== 0)) ||
        action > 3 ||
        answer.readUInt32BE(4) !== receivedBytes.readUInt32BE(12)
      if (wrong) {
        const request = receivedBytes.toString('hex', 0, Math.min(length, 120))
        throw new Error(
          `seed ${SEED}, packet ${packet} of ${length} bytes (${request}…): ${size} bytes back`,
        )
      }
      if (action !== 0) return
      client.id.set(answer.subarray(8, 16))
      client.issuedAt = now
    }

    private below(bound: number): number {
      return this.random() % bound
    }
  }

  describe('a million random and mutated packets', () => {
    const storm = new Storm()
    afterAll(() => storm.harness.forgetCounts())

    test(`never break a rule (TEST_SEED=${SEED})`, () => {
      storm.run(PACKETS)
    })

    test('reach every kind of answer and every reason to refuse', () => {
      const { rejected_source_port, ...counts } = storm.harness.counts
      expect(rejected_source_port).toBeUndefined()
      expect(Object.keys(counts).sort()).toEqual([
        'rejected_action',
        'rejected_connection_id',
        'rejected_no_info_hash',
        'rejected_peers_full',
        'rejected_port',
        'rejected_protocol_id',
        'rejected_too_short',
        'rejected_torrents_full',
        'requests_announce',
        'requests_connect',
        'requests_scrape',
        'responses_announce',
        'responses_connect',
        'responses_error',
        'responses_scrape',
      ])
      const total = (kind: string) =>
        Object.entries(counts).reduce(
          (sum, [name, n]) => (name.startsWith(kind) ? sum + n : sum),
          0,
        )
      expect(total('responses')).toBe(storm.answered)
      expect(storm.answered).toBeGreaterThan(PACKETS / 4)
    })

    test('leave the swarms in order', () => {
      const census = checkInvariants(storm.harness.swarm)
      expect(census.torrents).toBeGreaterThan(10)
    })
  })
})
