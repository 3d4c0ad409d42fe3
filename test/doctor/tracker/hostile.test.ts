// Whatever a tracker sends, the doctor comes to an end and says what is wrong: right answers with bytes changed, cut off or added,
// and messages whose values are of other types.
import { expect, test } from 'bun:test'
import { checksOf, type Outcome, runConformance } from '../../../doctor/tracker/conformance.ts'
import { diagnose } from '../../../doctor/tracker/diagnose.ts'
import { endpointAt, parseTrackerUrl } from '../../../doctor/tracker/endpoint.ts'
import { randomWords } from '../../support/random.ts'
import { HttpTracker } from './http-tracker.ts'
import { UdpTracker } from './udp-tracker.ts'
import { type Message, WsTracker } from './ws-tracker.ts'

const PATIENCE = { answerMs: 60, silenceMs: 5 }
/** The last ones found something. */
const SEEDS = [...Array.from({ length: 12 }, (_, i) => i + 1), 1012, 2000, 3010]

/** One in three answers is left alone, or nothing would come after the first. */
function mutated(bytes: Buffer, next: () => number): Buffer {
  const copy = Buffer.from(bytes)
  const kind = next() % 6
  if (kind < 2) return copy
  if (kind === 2) return copy.subarray(0, next() % (copy.length + 1))
  if (kind === 3) return Buffer.concat([copy, Buffer.alloc(next() % 40, next() & 255)])
  for (let i = 0; i < kind; i++) if (copy.length > 0) copy[next() % copy.length] = next() & 255
  return copy
}

const VALUES: readonly unknown[] = [
  null,
  0,
  -1,
  1e300,
  '',
  'x',
  true,
  [],
  [null],
  {},
  { sdp: 1 },
  { toString: 1, valueOf: 1 },
]

function mutatedMessage(message: Message, next: () => number): Message | null {
  const kind = next() % 6
  if (kind < 2) return message
  if (kind === 2) return null
  const keys = Object.keys(message)
  const key = keys[next() % keys.length]
  const { files } = message
  if (key === 'files' && kind === 3) {
    const [hash] = Object.keys(files as object)
    return { ...message, files: { [hash ?? 'x']: VALUES[next() % VALUES.length] } }
  }
  return { ...message, [key]: VALUES[next() % VALUES.length] }
}

const WORDS = (seed: number) => randomWords(seed)

const TRACKERS = {
  udp: (seed: number) => {
    const next = WORDS(seed)
    return UdpTracker.open({ answer: (right) => (right === null ? null : mutated(right, next)) })
  },
  http: (seed: number) => {
    const next = WORDS(seed)
    return HttpTracker.open({
      response: (right) => mutated(Buffer.from(right, 'latin1'), next).toString('latin1'),
    })
  },
  ws: (seed: number) => {
    const next = WORDS(seed)
    return WsTracker.open({
      response: (right) =>
        next() % 4 === 0 ? mutated(Buffer.from(right), next).toString('latin1') : right,
      send: (right) => mutatedMessage(right, next),
    })
  },
} as const

function urlOf(protocol: keyof typeof TRACKERS, port: number) {
  const url = parseTrackerUrl(`${protocol}://127.0.0.1:${port}/announce`)
  if ('mistake' in url) throw new Error(url.mistake)
  return url
}

const ALL = ['udp', 'http', 'ws'] as const

test.each(ALL.flatMap((protocol) => SEEDS.map((seed) => [protocol, seed] as const)))(
  'the diagnosis over %s, seed %d, comes to an end',
  async (protocol, seed) => {
    const tracker = await TRACKERS[protocol](seed)
    const means = { addresses: [], nameServer: '127.0.0.1:9', patience: PATIENCE }
    const reports = await diagnose(urlOf(protocol, tracker.port), means)
    tracker.close()
    expect(reports.flatMap(({ findings }) => findings).length).toBeGreaterThan(0)
  },
  180_000,
)

test.each(ALL)(
  'each check over %s has an outcome',
  async (protocol) => {
    const tracker = await TRACKERS[protocol](100)
    const outcomes: Outcome[] = []
    await runConformance({
      endpoint: endpointAt(urlOf(protocol, tracker.port), '127.0.0.1'),
      patience: PATIENCE,
      only: () => true,
      told: (outcome) => void outcomes.push(outcome),
    })
    tracker.close()
    expect(outcomes.length).toBe(checksOf(protocol).length)
    expect(outcomes.some(({ result }) => result === 'fail')).toBe(true)
    // What it sent is shown, but never as it came.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it looks for.
    for (const { reason = '' } of outcomes) expect(reason).not.toMatch(/[\0-\x1f\x7f-\x9f]/)
  },
  180_000,
)
