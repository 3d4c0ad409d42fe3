// What comes back for frames of every kind, right and wrong, however the network cuts them (cases.ts).
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { listenOn, Tracker, WS_EXECUTABLE } from '../../support/tracker.ts'
import { waitFor } from '../../support/wait.ts'
import { frame, WsClient } from '../../support/ws-client.ts'
import { ANSWER, type Frame, type FrameCase, frameCases } from './cases.ts'

setDefaultTimeout(180_000)

const END_MS = 60_000
const AT_ONCE = 16
const CLOSE = 8
/** Longer ones are not sent byte by byte: it would take minutes. */
const SINGLE_BYTES_MAX = 2000
/** The first byte of a text and of a pong: whole messages, nothing reserved. */
const TEXT_HEAD = 0x81
const PONG_HEAD = 0x8a
const CLOSE_HEAD = 0x88

/** A ping would come in at any time, and its answer into the middle of a frame that is sent byte by byte. */
const SETTINGS = `${listenOn('127.0.0.1:0')}[cleaning]\nping_interval_seconds = 900\n`

let tracker: Tracker
beforeAll(async () => {
  tracker = new Tracker({ executable: WS_EXECUTABLE, settings: SETTINGS })
  await tracker.waitForStart()
})
afterAll(() => tracker.discard())

function onTheWire(each: Frame): Buffer {
  const { opcode, payload = new Uint8Array(), final = true, reserved = 0, raw } = each
  if (raw !== undefined) return Buffer.from(raw)
  const whole = frame(opcode, payload, final)
  whole[0] |= reserved << 4
  return whole
}

/** The ways in which the bytes of frames may be cut. */
const CUTS = {
  'in one piece': (frames: readonly Buffer[]) => [Buffer.concat(frames)],
  'frame by frame': (frames: readonly Buffer[]) => frames,
  'byte by byte': (frames: readonly Buffer[]) => {
    return Array.from(Buffer.concat(frames), (byte) => Buffer.of(byte))
  },
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** What came back for a case: events, the close frame's code, and whether the connection ended. */
async function outcome({ frames, events, close }: FrameCase, cut: keyof typeof CUTS) {
  const client = await WsClient.connect(tracker.at())
  const got: string[] = []
  let wake = () => {}
  client.onFrame = (first, payload) => {
    if (first === TEXT_HEAD) got.push(ANSWER)
    else if (first === PONG_HEAD) got.push(`pong ${payload.toString('hex')}`)
    else if (first !== CLOSE_HEAD) got.push(`first byte ${first}`)
    wake()
  }
  for (const part of CUTS[cut](frames.map(onTheWire))) {
    client.socket.write(part)
    if (cut !== 'in one piece') await nextTurn()
  }
  if (close === 1000 && !frames.some(({ opcode }) => opcode === CLOSE)) {
    const all = new Promise<void>((resolve) => {
      wake = () => got.length >= events.length && resolve()
    })
    if (got.length < events.length) await waitFor(Promise.race([all, client.closed]), END_MS)
    client.sendFrame(CLOSE, Uint8Array.of(0x03, 0xe8))
  }
  const closed = await waitFor(client.closed, END_MS)
  client.destroy()
  return { got, code: closed?.code ?? 'it does not end' }
}

/** Runs all, a few at once; returns those with another outcome. */
async function deviations(cases: readonly FrameCase[], cut: keyof typeof CUTS): Promise<unknown[]> {
  const found: unknown[] = []
  const left = [...cases]
  const work = async () => {
    for (let each = left.shift(); each !== undefined; each = left.shift()) {
      const { name, events, close } = each
      const is = await outcome(each, cut)
      if (!Bun.deepEquals(is, { got: events, code: close })) found.push({ name, is, events, close })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return found
}

function bytesIn({ frames }: FrameCase): number {
  return frames.reduce((sum, each) => sum + onTheWire(each).length, 0)
}

describe('frames', () => {
  const cases = frameCases()

  test('each case has a name of its own', () => {
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
  })

  test.each(['in one piece', 'frame by frame'] as const)('sent %s', async (cut) => {
    expect(await deviations(cases, cut)).toEqual([])
  })

  test('sent byte by byte', async () => {
    const short = cases.filter((each) => bytesIn(each) <= SINGLE_BYTES_MAX)
    expect(await deviations(short, 'byte by byte')).toEqual([])
  })
})
