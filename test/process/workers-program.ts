// A program of workers.test.ts: two roles, one that lives on its event loop and one that blocks.
// Usage: bun workers-program.ts none|waiting|blocking|ending, which of them fails, or ends unasked.
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { logFor } from '../../src/log/log.ts'
import {
  mustStop,
  provokeFault,
  READY_MESSAGE,
  STOP_MESSAGE,
  Workers,
} from '../../src/process/workers.ts'

if (isMainThread) {
  const [, , wrong] = process.argv
  const workers = new Workers('program', new URL(import.meta.url), logFor('program'))
  workers.stopOnSignals()
  workers.onStop(() => process.stdout.write('stopping\n'))
  const { state } = workers
  const starts = ['waiting', 'blocking'].flatMap((role) =>
    [0, 1].map((index) =>
      workers.start({ role, index, state, fails: wrong === role, ends: wrong === 'ending' }),
    ),
  )
  await Promise.all(starts)
  process.stdout.write('ready\n')
} else {
  const { role, index, fails, ends } = workerData
  parentPort?.postMessage(READY_MESSAGE)
  if (fails && index === 1) provokeFault()
  if (role === 'waiting') {
    parentPort?.on('message', (message) => {
      if (message === STOP_MESSAGE) process.exit(0)
    })
  } else {
    const state = new Int32Array(workerData.state)
    const never = new Int32Array(new SharedArrayBuffer(4))
    while (!(ends && index === 1) && !mustStop(state)) Atomics.wait(never, 0, 0, 10)
  }
}
