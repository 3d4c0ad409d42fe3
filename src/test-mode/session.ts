// A tracker in somebody's test (`aquatic --test`): relays in front of it, one line of JSON with its URLs, then commands as
// lines of JSON on standard input, each answered by a line. Ends the tracker when standard input ends, and so with
// the process that started it, however that ends. Started by tracker/tracker.ts in the main thread.
// docs/testing-a-client.md describes the lines.
import { createInterface } from 'node:readline'
import type { SocketAddress } from '../config/address.ts'
import { StartError } from '../config/cli.ts'
import { writeStdout } from '../config/output.ts'
import type { MetricFamily } from '../metrics/families.ts'
import { moveClock } from '../os/clock.ts'
import { PEER_AGE_MAX } from '../swarm/layout.ts'
import type { Swarms } from '../swarm/swarm.ts'
import { selfSigned } from '../tls/self-signed.ts'
import {
  CommandFault,
  FAULTY,
  FaultSource,
  type Faulty,
  NO_PLAN,
  objectOf,
  readFaults,
} from './faults.ts'
import { forgetExpired, peersOf } from './peers.ts'
import { openRelays, type Relay, type Urls } from './relays.ts'

/** The tracker under test. */
export interface TestSubject {
  readonly version: string
  /** By section of the settings; only those that are served. */
  readonly addresses: ReadonlyMap<string, readonly SocketAddress[]>
  /** Settings with which the relays could not speak to the tracker, by name. */
  readonly unsuitable: readonly string[]
  readonly swarms: Swarms
  readonly maxPeerAge: number
  readonly cleaningInterval: number
  families(): readonly MetricFamily[]
  /** How many turns each worker has reported. */
  beats(): readonly number[]
  stop(): void
}

/** A week: more is hardly meant, and takes time, since the clock goes in steps (`advance`). */
const ADVANCE_SECONDS_MAX = 604_800
const POLL_MS = 5
/** An idle worker turns five times a second. */
const TURN_MS_MAX = 10_000
/** A peer's age has 15 bits: it is judged before it can wrap. */
const STEP_MARGIN_SEC = 600

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  counters: [],
  peers: ['info_hash'],
  advance: ['seconds'],
  faults: ['faults'],
  stop: [],
}

/** Resolves once the line is written. */
export async function beginTest(subject: TestSubject): Promise<void> {
  const [unsuitable] = subject.unsuitable
  if (unsuitable !== undefined) {
    throw new StartError(
      `${unsuitable} does not go with --test, which serves https and wss too: delete it`,
    )
  }
  const certificate = selfSigned('aquatic --test', ['localhost'], ['127.0.0.1', '::1'])
  const sources = { udp: new FaultSource(), http: new FaultSource(), ws: new FaultSource() }
  const { relays, urls, ipv6 } = await openRelays(subject.addresses, sources, certificate)
  new TestSession(subject, sources, relays).begin({
    version: subject.version,
    pid: process.pid,
    ...urls,
    ipv6,
    certificate: certificate.certificate,
  })
}

interface FirstLine extends Urls {
  readonly version: string
  readonly pid: number
  readonly ipv6: Urls | null
  readonly certificate: string
}

class TestSession {
  private readonly subject: TestSubject
  private readonly sources: Readonly<Record<Faulty, FaultSource>>
  private readonly relays: Readonly<Record<Faulty, readonly Relay[]>>
  private plan = NO_PLAN

  constructor(
    subject: TestSubject,
    sources: Readonly<Record<Faulty, FaultSource>>,
    relays: Readonly<Record<Faulty, readonly Relay[]>>,
  ) {
    this.subject = subject
    this.sources = sources
    this.relays = relays
  }

  begin(first: FirstLine): void {
    writeStdout(`${JSON.stringify(first)}\n`)
    void this.listen()
  }

  /** One command after the other: an answer tells that what was asked for is done. */
  private async listen(): Promise<void> {
    for await (const line of createInterface({ input: process.stdin })) {
      if (line.trim() !== '') writeStdout(`${JSON.stringify(await this.answer(line))}\n`)
    }
    this.subject.stop()
  }

  private async answer(line: string): Promise<object> {
    let id: unknown
    try {
      const command = parsed(line)
      id = command.id
      const result = (await this.run(command)) ?? null
      return id === undefined ? { result } : { id, result }
    } catch (error) {
      if (!(error instanceof CommandFault)) throw error
      const { message } = error
      return id === undefined ? { error: message } : { id, error: message }
    }
  }

  private async run(command: Readonly<Record<string, unknown>>): Promise<unknown> {
    const { subject } = this
    switch (command.command) {
      case 'counters':
        await this.workersTurn()
        return countersOf(subject.families())
      case 'peers':
        return peersOf(subject.swarms, infoHashOf(command.info_hash))
      case 'advance':
        return this.advance(secondsOf(command.seconds))
      case 'faults':
        return this.setFaults(command.faults)
      default:
        return subject.stop()
    }
  }

  /**
   * In steps, after each of which workers have seen the new time and expired peers are gone: clients see what they would
   * after as much time.
   */
  private async advance(seconds: number): Promise<void> {
    const { maxPeerAge, cleaningInterval, swarms } = this.subject
    const longest = PEER_AGE_MAX - maxPeerAge - cleaningInterval - STEP_MARGIN_SEC
    const step = Math.max(cleaningInterval, longest)
    for (let left = seconds; left > 0; left -= step) {
      const jump = Math.min(left, step)
      moveClock(jump - 1)
      await this.workersTurn()
      // Workers take a jump for a pause of the machine, and excuse connections from it, but not twice in a row.
      moveClock(1)
      await this.workersTurn()
      forgetExpired(swarms, maxPeerAge)
    }
  }

  private async setFaults(given: unknown): Promise<void> {
    const { plan, seed } = readFaults(given)
    const before = this.plan
    this.plan = plan
    for (const name of FAULTY) {
      this.sources[name].set(plan[name], seed)
      if (plan[name].dead === before[name].dead) continue
      for (const relay of this.relays[name]) {
        await (plan[name].dead ? relay.die() : relay.revive())
      }
    }
  }

  /** Resolves once each worker has begun a turn after this moment and counted what it served before. */
  private async workersTurn(): Promise<void> {
    const before = this.subject.beats()
    const deadline = performance.now() + TURN_MS_MAX
    while (this.subject.beats().some((beats, i) => ((beats - before[i]) | 0) < 2)) {
      if (performance.now() > deadline) throw new CommandFault('a worker does not answer')
      await Bun.sleep(POLL_MS)
    }
  }
}

function parsed(line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    throw new CommandFault('not a line of JSON')
  }
  const name = (value as { command?: unknown } | null)?.command
  const known = Object.keys(COMMANDS)
  if (typeof name !== 'string' || !known.includes(name)) {
    throw new CommandFault(`"command" must be one of ${known.join(', ')}`)
  }
  return objectOf(value, name, ['id', 'command', ...COMMANDS[name]])
}

function infoHashOf(given: unknown): string {
  if (typeof given === 'string' && /^[0-9a-f]{40}$/i.test(given)) return given
  throw new CommandFault('info_hash must be 40 hexadecimal digits')
}

function secondsOf(given: unknown): number {
  const isRight = Number.isSafeInteger(given) && (given as number) >= 0
  if (isRight && (given as number) <= ADVANCE_SECONDS_MAX) return given as number
  throw new CommandFault(`seconds must be a whole number from 0 to ${ADVANCE_SECONDS_MAX}`)
}

/** By name as in Prometheus, with all labels, with each of them alone, and without: sums over the others. */
export function countersOf(families: readonly MetricFamily[]): Record<string, number> {
  const counters: Record<string, number> = {}
  for (const family of families) {
    if (family.kind === 'histogram') continue
    const { name, samples } = family
    counters[name] = samples.reduce((sum, { value }) => sum + value, 0)
    for (const { labels, value } of samples) {
      const list = Object.entries(labels).map(([label, text]) => `${label}="${text}"`)
      const all = list.length > 1 ? [list.join(',')] : []
      for (const each of [...list, ...all]) {
        const key = `${name}{${each}}`
        counters[key] = (counters[key] ?? 0) + value
      }
    }
  }
  return counters
}
