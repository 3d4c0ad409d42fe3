// The worker threads of a load tester: start, readiness, stop, end. Used by the main function of each
// tester; the second half is called by the workers. Owns the threads and the flag that stops them.
//
// Unlike a tracker's, these threads end by themselves once they are told to stop, and what they have
// counted is read after that. One that fails ends the run with its error.
import { parentPort, Worker } from 'node:worker_threads'

const STATE_STOP = 0
const STATE_GO = 1
/** A cache line: the flag is read in every loop, and nothing beside it is written. */
const STATE_WORDS = 16
const READY = 'ready'

/** What every worker is told; each tester adds its own. */
export interface WorkerStart {
  /** From 0. */
  readonly index: number
  /** Holds the flag that `isStopped` reads. */
  readonly state: SharedArrayBuffer
}

export class Threads {
  private readonly state = new SharedArrayBuffer(STATE_WORDS * 4)
  /** Rejects when a worker fails. Never resolves. */
  readonly failed: Promise<never>
  private readonly entry: URL
  private readonly ends: Promise<void>[] = []
  private fail: (error: Error) => void = () => {}

  /** `entry` is the program's own file. */
  constructor(entry: URL) {
    this.entry = entry
    const { promise, reject } = Promise.withResolvers<never>()
    this.failed = promise
    this.failed.catch(() => {})
    this.fail = reject
  }

  /** Starts workers, each with data of its own beside WorkerStart; resolves once all are ready to run. */
  async start(workers: number, dataFor: (index: number) => object): Promise<void> {
    const indexes = Array.from({ length: workers }, (_, index) => index)
    await Promise.all(
      indexes.map((index) => this.startOne({ ...dataFor(index), index, state: this.state })),
    )
  }

  private startOne(data: WorkerStart): Promise<void> {
    const worker = new Worker(this.entry, { workerData: data })
    let done = false
    const name = `load worker ${data.index + 1}`
    const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
    this.ends.push(
      new Promise((resolve) => {
        worker.on('message', (message) => {
          if (message === READY) return isReady()
          done = true
          resolve()
        })
        worker.on('error', (error) => this.fail(failure(name, error)))
        worker.on('exit', (code) => {
          if (!done) this.fail(new Error(`${name} ended with code ${code}`))
        })
      }),
    )
    return Promise.race([ready, this.failed])
  }

  /** Lets all workers run, at one moment. */
  go(): void {
    const state = new Int32Array(this.state)
    Atomics.store(state, STATE_GO, 1)
    Atomics.notify(state, STATE_GO)
  }

  /** Tells the workers to stop; resolves once they have. */
  async stop(): Promise<void> {
    Atomics.store(new Int32Array(this.state), STATE_STOP, 1)
    await Promise.race([Promise.all(this.ends), this.failed])
  }
}

function failure(name: string, error: unknown): Error {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return new Error(`${name} failed: ${text}`)
}

/** Called by a worker when it is ready to run: waits until all are. `state`: WorkerStart.state. */
export function startWorker(state: SharedArrayBuffer): void {
  parentPort?.postMessage(READY)
  Atomics.wait(new Int32Array(state), STATE_GO, 0)
}

/** Called by a worker when all that it counted can be read. */
export function finishWorker(): void {
  parentPort?.postMessage('done')
}

// HOT: no allocation below this line.

/** `state`: words over WorkerStart.state. */
export function isStopped(state: Int32Array): boolean {
  return Atomics.load(state, STATE_STOP) !== 0
}
