// Runs the conformance checks of a protocol on one endpoint, one after the other, and tells of each as it is done.
// Called by ask.ts.
import { type Check, isSpecified, Skip, Unmet } from './check.ts'
import { type Patience, within } from './deadline.ts'
import type { Endpoint, Protocol } from './endpoint.ts'
import { HTTP_ANNOUNCE_CHECKS } from './http/announce-checks.ts'
import { ANSWER_CHECKS } from './http/answer-checks.ts'
import { HTTP_EVENT_CHECKS } from './http/event-checks.ts'
import { FRAMING_CHECKS } from './http/framing-checks.ts'
import { HTTP_SCRAPE_CHECKS } from './http/scrape-checks.ts'
import { HttpSession } from './http/session.ts'
import { tlsChecks } from './tls-checks.ts'
import { ANNOUNCE_CHECKS } from './udp/announce-checks.ts'
import { CONNECTION_CHECKS } from './udp/connection-checks.ts'
import { EVENT_CHECKS } from './udp/event-checks.ts'
import { SCRAPE_CHECKS } from './udp/scrape-checks.ts'
import { UdpSession } from './udp/session.ts'
import { WS_ANNOUNCE_CHECKS } from './ws/announce-checks.ts'
import { WS_CONNECTION_CHECKS } from './ws/connection-checks.ts'
import { WS_ERROR_CHECKS } from './ws/error-checks.ts'
import { WsSession } from './ws/session.ts'
import { WS_SIGNAL_CHECKS } from './ws/signal-checks.ts'

export interface Outcome {
  readonly name: string
  readonly says: string
  readonly source: string
  /** Whether a BEP or an RFC asks for it; else our documents alone. */
  readonly specified: boolean
  readonly result: 'pass' | 'fail' | 'skip'
  /** Of a failure or a skip. */
  readonly reason?: string
}

/** What a check is called and says. */
export type Listed = Omit<Check<never>, 'run'>

/** No check takes that long, however slow each answer is. */
const CHECK_MS = 60_000

interface Run {
  readonly endpoint: Endpoint
  readonly patience: Patience
  readonly only: (check: Listed) => boolean
  /** Called after each check. */
  readonly told: (outcome: Outcome) => void
}

interface Suite {
  readonly checks: readonly Listed[]
  readonly run: (run: Run) => Promise<void>
}

interface AnySession {
  /** Throws Unmet if nobody is there. */
  hello(): Promise<void>
  close(): Promise<void>
}

/** Each check has a session to itself, whose peers are stopped at its end. */
function suite<S extends AnySession>(
  checks: readonly Check<S>[],
  open: (endpoint: Endpoint, patience: Patience) => Promise<S>,
): Suite {
  const use = async <T>({ endpoint, patience }: Run, work: (session: S) => Promise<T>) => {
    const session = await open(endpoint, patience)
    try {
      return await work(session)
    } finally {
      await session.close()
    }
  }
  const run = async (all: Run) => {
    const greeted = () => use(all, (session) => judged(session.hello()))
    let now = await greeted()
    let isFirst = true
    for (const check of checks.filter(all.only)) {
      // One failure says that nobody is there; the others would only take their time to say the same.
      if (now.result === 'fail') {
        all.told({ ...described(check), ...(isFirst ? now : GONE) })
      } else {
        const outcome = await use(all, (session) => judged(check.run(session)))
        all.told({ ...described(check), ...outcome })
        if (outcome.result === 'fail') now = await greeted()
      }
      isFirst = false
    }
  }
  return { checks, run }
}

const GONE = { result: 'skip', reason: 'the tracker does not answer any more' } as const

function described(check: Listed): Omit<Outcome, 'result'> {
  const { name, says, source } = check
  return { name, says, source, specified: isSpecified(check) }
}

async function judged(running: Promise<void>): Promise<Pick<Outcome, 'result' | 'reason'>> {
  const outcome = running.then(
    () => ({ result: 'pass' }) as const,
    (error) => {
      if (error instanceof Skip) return { result: 'skip', reason: error.message } as const
      if (error instanceof Unmet) return { result: 'fail', reason: error.message } as const
      throw error
    },
  )
  const late = { result: 'fail', reason: `not done in ${CHECK_MS / 1000} seconds` } as const
  return (await within(outcome, CHECK_MS)) ?? late
}

const UDP = suite(
  [...CONNECTION_CHECKS, ...ANNOUNCE_CHECKS, ...EVENT_CHECKS, ...SCRAPE_CHECKS],
  UdpSession.open,
)

const HTTP = suite(
  [
    ...ANSWER_CHECKS,
    ...HTTP_ANNOUNCE_CHECKS,
    ...HTTP_EVENT_CHECKS,
    ...HTTP_SCRAPE_CHECKS,
    ...FRAMING_CHECKS,
    ...tlsChecks('http'),
  ],
  HttpSession.open,
)
const WS = suite(
  [
    ...WS_CONNECTION_CHECKS,
    ...WS_ANNOUNCE_CHECKS,
    ...WS_ERROR_CHECKS,
    ...WS_SIGNAL_CHECKS,
    ...tlsChecks('ws'),
  ],
  WsSession.open,
)

const SUITES: Readonly<Record<Protocol, Suite>> = {
  udp: UDP,
  http: HTTP,
  https: HTTP,
  ws: WS,
  wss: WS,
}

export function checksOf(protocol: Protocol): readonly Listed[] {
  return SUITES[protocol].checks
}

export function runConformance(run: Run): Promise<void> {
  return SUITES[run.endpoint.url.protocol].run(run)
}
