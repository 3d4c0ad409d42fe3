// A program of the tests beside it: two roles, one that lives on its event loop and one that blocks.
// Usage: bun workers-program.ts none|waiting|blocking|ending|hanging|locked|slow [text|json|MILLISECONDS]
// [done|vain|never], what the second workers do: fail, end unasked, hang, which is their loop going on without
// a beat, fail under a lock that the main thread waits for, or not stop; the form of lines, or after how long
// it asks, for the first time, which workers hang, and prints their names; and how what is to be done after the
// workers ends.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { logFor, setLog } from '../../src/log/log.ts'
import { lock } from '../../src/memory/lock.ts'
import { ServiceManager } from '../../src/process/service-manager.ts'
import { signals } from '../../src/process/signals.ts'
import {
  beat,
  mustStop,
  provokeFault,
  STOP_MESSAGE,
  sayReady,
  type WorkerStart,
  Workers,
} from '../../src/process/workers.ts'

/** Of both kinds of loop. */
const BEAT_MS = 10

if (isMainThread) {
  const [, , wrong, more, last] = process.argv
  setLog('error', more === 'json' ? 'json' : 'text')
  const log = logFor('program')
  const workers = new Workers('program', new URL(import.meta.url), log)
  const service = new ServiceManager('program', workers, log)
  signals.take()
  signals.serving(() => workers.stop())
  workers.onStop(() => process.stdout.write('stopping\n'))
  if (last !== undefined) {
    workers.beforeExit(() => {
      process.stdout.write('last\n')
      return last === 'never' ? new Promise(() => {}) : Promise.resolve(last === 'done')
    })
  }
  const group = workers.group()
  const locks = new SharedArrayBuffer(4)
  const starts = ['waiting', 'blocking'].flatMap((role) =>
    [0, 1].map((index) =>
      group.start({
        role,
        index,
        wrong: index === 1 ? wrong : 'none',
        locks,
      } as Pick<WorkerStart, 'role' | 'index'>),
    ),
  )
  await Promise.all(starts)
  process.stdout.write('ready\n')
  service.ready('at work')
  const askAfter = Number(more)
  if (askAfter > 0) {
    setTimeout(() => process.stdout.write(`stalled: ${workers.stalled().join()}\n`), askAfter)
  }
  if (wrong === 'locked') {
    const words = new Int32Array(locks)
    while (Atomics.load(words, 0) === 0) await new Promise(setImmediate)
    lock(words, 0)
  }
} else {
  const { role, wrong } = workerData
  const state = new Int32Array(workerData.state)
  const heartbeat = new Int32Array(workerData.heartbeat)
  sayReady()
  if (wrong === role) provokeFault()
  if (wrong === 'locked' && role === 'blocking') {
    const words = new Int32Array(workerData.locks)
    lock(words, 0)
    // Until the main thread waits for it.
    while (Atomics.load(words, 0) !== 2) Atomics.wait(words, 0, 1, BEAT_MS)
    provokeFault()
  }
  const beatUnlessHanging = () => {
    if (wrong !== 'hanging') beat(heartbeat)
  }
  if (role === 'waiting') {
    setInterval(beatUnlessHanging, BEAT_MS)
    parentPort?.on('message', (message) => {
      if (message === STOP_MESSAGE && wrong !== 'slow') process.exit(0)
    })
  } else {
    const never = new Int32Array(new SharedArrayBuffer(4))
    while (wrong !== 'ending' && !mustStop(state)) {
      beatUnlessHanging()
      Atomics.wait(never, 0, 0, BEAT_MS)
    }
  }
}
