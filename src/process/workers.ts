// The worker threads of a tracker: start, readiness, death, stop. Made by tracker/tracker.ts in the main
// thread; each protocol starts its own as a group. Owns the threads and the flags that stop them.
//
// A worker is the program's own file, started anew with `workerData` of a role. It says that it serves
// by its first message. From then on it must not end by itself: a tracker that has lost a worker would
// look alive while some of its clients get no answer, so a worker's death is the process's.
//
// Every worker beats while it serves, so that a service manager's watchdog learns of one that hangs.
//
// Two ways to be told of the stop, for two kinds of loop: a worker that blocks in system calls reads
// the flags between them (`mustStop`, `mustDrain`), one that lives on an event loop gets the messages STOP_MESSAGE and
// DRAIN_MESSAGE.
import { type MessagePort, parentPort, Worker, workerData } from 'node:worker_threads'
import { type Log, type LogFormat, logFormat, setLogFormat, writeNotice } from '../log/log.ts'
import { clockData } from '../os/clock.ts'
import { endProcess } from '../os/process.ts'
import { askForShortTurns } from '../os/scheduling.ts'
import { threadNumber } from '../os/thread-times.ts'
import { forgetFirsts } from './first-value.ts'

/** The process does not wait longer for a worker to stop. */
export const STOP_MILLISECONDS = 900

const READY_MESSAGE = 'ready'
const DONE_MESSAGE = 'done'
export const STOP_MESSAGE = 'stop'
export const DRAIN_MESSAGE = 'drain'

const STATE_STOP = 0
const STATE_DRAIN = 1
/** A cache line: the flag is read in every loop, and nothing beside it is written. */
const STATE_WORDS = 16

// Of a heartbeat.
const HEARTBEAT_BEATS = 0
/** Told once, when it serves. */
const HEARTBEAT_THREAD = 1

/**
 * A worker that has not beaten for so many checks hangs: idle ones beat every 200 ms. Checks are counted, not
 * time: after a pause of the whole process (SIGSTOP, a suspended machine) all workers have missed one check.
 */
const CHECK_MILLISECONDS = 500
const STALL_CHECKS = 4

/** What every worker is told; each role adds its own. */
export interface WorkerStart {
  /** «socket», «request». */
  readonly role: string
  /** The protocol that it serves. */
  readonly protocol: string
  /** Its name in messages: the role, with the protocol where the program has several. */
  readonly title: string
  /** From 0, among the workers of its role. */
  readonly index: number
  /** Holds the flag for `mustStop`. */
  readonly state: SharedArrayBuffer
  /** Of `newHeartbeat`: the worker calls `beat` in each turn of its loop, several times a second. */
  readonly heartbeat: SharedArrayBuffer
  /** Of the process's clock (os/clock.ts), for the thread to use. */
  readonly clock: SharedArrayBuffer
  /** Tests only: throw once something has been served. */
  readonly fault: boolean
}

/** What a role's start data hold of their own: the rest is added when it starts. */
export type OwnStart<T extends WorkerStart> = Omit<
  T,
  'protocol' | 'title' | 'state' | 'heartbeat' | 'clock' | 'fault'
>

export interface GroupOptions {
  /** That its workers serve. */
  readonly protocol?: string
  /** Gets what its workers say after they have said that they serve. */
  readonly heard?: (message: unknown) => void
  /**
   * Its workers end by themselves within this time when another process has taken this one's place. 0 = they stop
   * at once.
   */
  readonly drainMilliseconds?: number
}

/** What every worker is told beside it, for the message that tells of its failure. */
interface FailureNotice {
  readonly program: string
  readonly format: LogFormat
}

/** What tells that a worker makes progress, as of the last check. */
interface Pulse {
  readonly name: string
  readonly kind: string
  readonly words: Int32Array
  beats: number
  /** Checks in a row that found no new beat. */
  missed: number
}

function newHeartbeat(): SharedArrayBuffer {
  return new SharedArrayBuffer(STATE_WORDS * 4)
}

export class Workers {
  private readonly program: string
  private readonly entry: URL
  private readonly log: Log
  private readonly several: boolean
  private readonly groups: WorkerGroup[] = []
  private readonly pulses: Pulse[] = []
  private readonly stopListeners: (() => void)[] = []
  private started = 0
  private running = 0
  private stopping = false
  private draining = false
  private ended = false
  private finish: () => Promise<boolean> = () => Promise.resolve(true)
  private timer: ReturnType<typeof setInterval> | undefined

  /** `program` begins every message; `entry` is the file that workers run; `several`: it has several protocols. */
  constructor(program: string, entry: URL, log: Log, several = false) {
    this.program = program
    this.entry = entry
    this.log = log
    this.several = several
  }

  /** Each protocol has one. */
  group(options: GroupOptions = {}): WorkerGroup {
    const launch: Launch = (...worker) => this.launch(...worker)
    const group = new WorkerGroup(options, launch, this.several)
    this.groups.push(group)
    return group
  }

  /** Calls `listener` when the stop begins. */
  onStop(listener: () => void): void {
    this.stopListeners.push(listener)
  }

  /**
   * Calls `finish` when all workers have ended after a stop, or have not within the time; the process ends
   * when it is done, with exit code 1 when it was in vain.
   */
  beforeExit(finish: () => Promise<boolean>): void {
    this.finish = finish
  }

  private launch(
    data: WorkerStart,
    ports: readonly MessagePort[],
    heard: (message: unknown) => void,
  ): LaunchedWorker {
    const failure: FailureNotice = { program: this.program, format: logFormat() }
    const workerData = { ...data, failure }
    const worker = new Worker(this.entry, { workerData, transferList: [...ports] })
    forgetFirsts(data)
    this.started++
    this.running++
    this.timer ??= setInterval(() => this.checkHeartbeats(), CHECK_MILLISECONDS).unref()
    const serves = new Promise<void>((resolve) => {
      worker.once('message', () => {
        this.pulses.push(newPulse(data))
        worker.on('message', heard)
        resolve()
      })
      worker.on('error', (error) => this.die(data, textOf(error)))
      worker.on('exit', (code) => this.workerEnded(data, code))
    })
    return { worker, serves }
  }

  /** All workers have said that they serve, and nobody has asked for the stop. */
  areServing(): boolean {
    return !this.stopping && this.pulses.length > 0 && this.pulses.length === this.started
  }

  /** Names of the workers that serve no more although their threads live, as of the timer's last check. */
  stalled(): string[] {
    return this.pulses.filter(({ missed }) => missed >= STALL_CHECKS).map(({ name }) => name)
  }

  /** Of those that serve: each turn that a worker has reported is one more. */
  beats(): number[] {
    return this.pulses.map(({ words }) => Atomics.load(words, HEARTBEAT_BEATS))
  }

  /** Those that serve, with their number in /proc/self/task; 0 = not known. */
  threads(): { readonly kind: string; readonly thread: number }[] {
    return this.pulses.map(({ words, kind }) => ({ kind, thread: words[HEARTBEAT_THREAD] }))
  }

  /** Counted by the timer alone, so it does not matter how often anybody asks. */
  private checkHeartbeats(): void {
    for (const pulse of this.pulses) {
      const beats = Atomics.load(pulse.words, HEARTBEAT_BEATS)
      pulse.missed = beats === pulse.beats ? pulse.missed + 1 : 0
      pulse.beats = beats
    }
  }

  /** The process ends after them. Whoever asks again, once they have ended, does not want to wait. */
  stop(): void {
    if (this.ended) this.endAtOnce()
    if (this.stopping && !this.draining) return
    this.draining = false
    this.beginStop()
    for (const group of this.groups) group.stop()
    setTimeout(() => this.giveUpWaiting(), STOP_MILLISECONDS)
  }

  /** Another process serves in this one's place: groups that drain do so, the others stop. */
  handOver(): void {
    const longest = Math.max(0, ...this.groups.map(({ drainMilliseconds }) => drainMilliseconds))
    if (longest === 0) this.stop()
    if (this.stopping) return
    this.draining = true
    this.beginStop()
    for (const group of this.groups) group.handOver()
    setTimeout(() => this.stop(), longest)
  }

  private beginStop(): void {
    if (this.stopping) return
    this.stopping = true
    this.log.info('stopping')
    for (const listener of this.stopListeners) listener()
  }

  private giveUpWaiting(): void {
    if (this.ended) return
    this.log.warn('a worker did not stop in time: the process ends without it')
    void this.end()
  }

  private async end(): Promise<void> {
    this.ended = true
    const done = await this.finish()
    process.exit(done ? 0 : 1)
  }

  private endAtOnce(): void {
    this.log.error('ended by a second signal: what was under way is not done')
    process.exit(1)
  }

  private workerEnded(worker: WorkerStart, code: number): void {
    this.running--
    if (!this.stopping) this.die(worker, `it ended with code ${code}`)
    if (this.running === 0 && !this.ended) void this.end()
  }

  private die(worker: WorkerStart, cause: string): void {
    tellFailure(this.program, worker, cause)
    process.exit(1)
  }
}

interface LaunchedWorker {
  readonly worker: Worker
  /** Resolves once it serves. */
  readonly serves: Promise<void>
}

type Launch = (
  data: WorkerStart,
  ports: readonly MessagePort[],
  heard: (message: unknown) => void,
) => LaunchedWorker

/** The workers of one protocol, of all its roles. */
export class WorkerGroup {
  /** May be raised before a hand-over. */
  drainMilliseconds: number
  private readonly state = new SharedArrayBuffer(STATE_WORDS * 4)
  private readonly threads: Worker[] = []
  private readonly heard: (message: unknown) => void
  private readonly launch: Launch
  private readonly protocol: string
  private readonly several: boolean

  constructor(options: GroupOptions, launch: Launch, several: boolean) {
    const { protocol = '', heard = () => {}, drainMilliseconds = 0 } = options
    this.protocol = protocol
    this.several = several
    this.heard = heard
    this.drainMilliseconds = drainMilliseconds
    this.launch = launch
  }

  /**
   * Starts a worker; resolves once it serves. `ports`: those in `own`, which it gets for itself. `done`
   * is called once after a stop, when it uses nothing any more that it was lent.
   */
  start<T extends WorkerStart>(
    own: OwnStart<T> & Pick<WorkerStart, 'role' | 'index'>,
    ports: readonly MessagePort[] = [],
    done: () => void = () => {},
  ): Promise<void> {
    const { protocol, several, state } = this
    const title = several ? `${protocol} ${own.role}` : own.role
    const fault = faultAskedOf(title, own.index)
    const shared = { state, heartbeat: newHeartbeat(), clock: clockData() }
    const data = { ...own, protocol, title, ...shared, fault }
    const { worker, serves } = this.launch(data, ports, (message) => {
      if (message === DONE_MESSAGE) done()
      else this.heard(message)
    })
    this.threads.push(worker)
    return serves
  }

  /** Sends a message to each of them; only who lives on an event loop gets it. */
  tell(message: unknown): void {
    for (const thread of this.threads) thread.postMessage(message)
  }

  stop(): void {
    Atomics.store(new Int32Array(this.state), STATE_STOP, 1)
    this.tell(STOP_MESSAGE)
  }

  handOver(): void {
    if (this.drainMilliseconds === 0) this.stop()
    else {
      Atomics.store(new Int32Array(this.state), STATE_DRAIN, 1)
      this.tell(DRAIN_MESSAGE)
    }
  }
}

function tellFailure(program: string, worker: WorkerStart, cause: string): void {
  writeNotice('error', `${program}: ${nameOf(worker)} failed, so the tracker ends: ${cause}`)
}

function nameOf({ title, index }: WorkerStart): string {
  return `${title} worker ${index + 1}`
}

function newPulse(worker: WorkerStart): Pulse {
  const words = new Int32Array(worker.heartbeat)
  const kind = `${worker.protocol} ${worker.role}`
  return { name: nameOf(worker), kind, words, beats: 0, missed: 0 }
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/**
 * In a worker, once it serves. Its thread then comes before the process's others on a core they share, unless nobody waits for
 * what it does.
 * From now on an error ends the process from here: the main thread would learn of it when it gets to its
 * messages, and may be waiting for a lock that this thread holds.
 */
export function sayReady({ isUrgent = true } = {}): void {
  if (isUrgent) askForShortTurns()
  const { failure, ...worker } = workerData as WorkerStart & { failure: FailureNotice }
  setLogFormat(failure.format)
  Atomics.store(new Int32Array(worker.heartbeat), HEARTBEAT_THREAD, threadNumber())
  process.on('uncaughtException', (error) => {
    tellFailure(failure.program, worker, textOf(error))
    endProcess(1)
  })
  parentPort?.postMessage(READY_MESSAGE)
}

/** In a worker, after a stop: it uses nothing any more that the main thread lent it, such as sockets. */
export function sayDone(): void {
  parentPort?.postMessage(DONE_MESSAGE)
}

/** In tests, a worker's title: the first one of it throws once it has served something. */
const FAULT_VARIABLE = '_AQUATIC_TEST_FAULT'

/** Whether a test asked this worker for a fault. Asked in the main thread, told in its start. */
function faultAskedOf(title: string, index: number): boolean {
  return index === 0 && process.env[FAULT_VARIABLE] === title
}

export function provokeFault(): never {
  throw new Error('a fault that a test asked for')
}

// HOT: no allocation below this line.

/** `state`: words over WorkerStart.state. */
export function mustStop(state: Int32Array): boolean {
  return Atomics.load(state, STATE_STOP) !== 0
}

/** The same, once another process has taken this one's place. */
export function mustDrain(state: Int32Array): boolean {
  return Atomics.load(state, STATE_DRAIN) !== 0
}

/** Shows the main thread that this worker makes progress. `heartbeat`: words over WorkerStart.heartbeat. */
export function beat(heartbeat: Int32Array): void {
  Atomics.add(heartbeat, HEARTBEAT_BEATS, 1)
}
