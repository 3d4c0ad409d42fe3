// aquatic_http_load_test: puts load on an HTTP or HTTPS tracker, measures it and checks its answers.
// The same file is the main thread and, started anew by it, each worker.
import { isMainThread, workerData } from 'node:worker_threads'
import { httpLoadProgram } from '../load/http/config.ts'
import { httpTester } from '../load/http/main.ts'
import { runLoadWorker } from '../load/http/worker.ts'
import { runLoadTest } from '../load/run.ts'
import { udpLoadProgram } from '../load/udp/config.ts'
import { wsLoadProgram } from '../load/ws/config.ts'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'

if (isMainThread) {
  await runExecutable({
    ...httpLoadProgram,
    relatives: [udpLoadProgram, wsLoadProgram],
    run: (config, { values }) =>
      runLoadTest(httpTester, config, version, new URL(import.meta.url), values),
  })
} else {
  runLoadWorker(workerData)
}
