// aquatic_ws_load_test: puts load on a WebTorrent tracker, measures it and checks what it passes on.
// The same file is the main thread and, started anew by it, each worker.
import { isMainThread, workerData } from 'node:worker_threads'
import { httpLoadProgram } from '../load/http/config.ts'
import { runLoadTest } from '../load/run.ts'
import { udpLoadProgram } from '../load/udp/config.ts'
import { wsLoadProgram } from '../load/ws/config.ts'
import { wsTester } from '../load/ws/main.ts'
import { runLoadWorker } from '../load/ws/worker.ts'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'

if (isMainThread) {
  await runExecutable({
    ...wsLoadProgram,
    relatives: [httpLoadProgram, udpLoadProgram],
    run: (config, { values }) =>
      runLoadTest(wsTester, config, version, new URL(import.meta.url), values),
  })
} else {
  runLoadWorker(workerData)
}
