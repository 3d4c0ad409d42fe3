// Generated and mutated requests over real connections to several workers, in pieces of any length: each connection
// gets the answers that the handler gives when it is called with the same bytes at once, and the tracker lives on.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readAnswer } from '../support/http-answer.ts'
import { askOnce, HttpConnection } from '../support/http-client.ts'
import { randomWords } from '../support/random.ts'
import { type Endpoint, HTTP_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { HttpHarness } from './harness.ts'
import { RequestMaker } from './request-maker.ts'

setDefaultTimeout(900_000)

/** TEST_SEED repeats a run that failed; TEST_REQUESTS=1000000 is for a long one. */
const SEED = Number(process.env.TEST_SEED ?? 1)
const REQUESTS = Number(process.env.TEST_REQUESTS ?? 5000)
const CLIENTS = 16
/** What stands behind a request that ends the connection, as most that are mutated do, is not read. */
const REQUESTS_PER_CONNECTION = 3
const PIECES_MAX = 4
/** A head that comes in pieces is judged once it is whole: without its end there may be no answer. */
const HEAD_END = '\r\n\r\n'

/** As the tracker's default settings have them. */
const harness = new HttpHarness({ maxResponsePeers: 200, maxScrapeTorrents: 255 })

interface Expected {
  readonly status: number
  readonly headOnly: boolean
}

/**
 * What these bytes are answered with, until the connection ends by a request or by its client. Who asks for the end must
 * not send more, or a reset may overtake the answer; so the bytes end there.
 */
function expectedAnswers(bytes: Buffer): { answers: Expected[]; sent: Buffer } {
  const answers: Expected[] = []
  for (let at = 0; at < bytes.length; ) {
    const used = harness.serve(bytes, '127.0.0.1', at)
    if (used === 0) break
    const { headOnly, close, isUnread } = harness.request
    answers.push({ status: readAnswer(harness.answer, headOnly).status, headOnly })
    at += used
    if (close) return { answers, sent: isUnread ? bytes : bytes.subarray(0, at) }
  }
  return { answers, sent: bytes }
}

function readAnswers(bytes: Buffer, expected: readonly Expected[]): number[] {
  let at = 0
  const statuses = expected.map(({ headOnly }) => {
    const text = bytes.toString('latin1', at)
    const head = text.indexOf('\r\n\r\n') + 4
    const length = headOnly ? 0 : Number(/Content-Length: (\d+)\r\n/.exec(text)?.[1])
    const answer = readAnswer(bytes.subarray(at, at + head + length), headOnly)
    at += head + length
    return answer.status
  })
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes behind the last answer`)
  return statuses
}

/** A head with several faults may be refused for the one that comes first. */
function nameOf(status: number): number | string {
  return [400, 414, 431, 505].includes(status) ? 'refused head' : status
}

async function converse(to: Endpoint, text: string, random: () => number): Promise<number> {
  const { answers: expected, sent } = expectedAnswers(Buffer.from(text, 'latin1'))
  const connection = await HttpConnection.open(to)
  try {
    for (let at = 0, pieces = 1 + (random() % PIECES_MAX); pieces > 0; pieces--) {
      const end = pieces === 1 ? sent.length : at + (random() % (sent.length - at + 1))
      connection.send(sent.subarray(at, end))
      at = end
      if (random() % 4 === 0) await new Promise(setImmediate)
    }
    connection.endSending()
    await connection.ended()
    const statuses = readAnswers(connection.bytes, expected).map(nameOf)
    expect(statuses).toEqual(expected.map(({ status }) => nameOf(status)))
    return expected.length
  } catch (error) {
    throw new Error(`seed ${SEED}: ${JSON.stringify(text)}: ${error}`)
  } finally {
    connection.close()
  }
}

test(`${REQUESTS} mutated requests over real connections (TEST_SEED=${SEED})`, () =>
  withTracker(
    {
      executable: HTTP_EXECUTABLE,
      settings: "socket_workers = 4\n[network]\naddress = '127.0.0.1:0'\n",
    },
    async (tracker) => {
      const to = tracker.at()
      const maker = new RequestMaker(SEED)
      const random = randomWords(SEED + 1)
      let answered = 0
      const client = async () => {
        while (answered < REQUESTS) {
          const texts = Array.from({ length: REQUESTS_PER_CONNECTION }, () => maker.make())
          const count = await converse(to, `${texts.join('')}${HEAD_END}`, random)
          answered += count
        }
      }
      await Promise.all(Array.from({ length: CLIENTS }, client))
      expect((await askOnce(to, '/health')).status).toBe(200)
      tracker.signal('SIGTERM')
      expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
    },
  ))
