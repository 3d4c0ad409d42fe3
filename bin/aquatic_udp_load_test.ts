// aquatic_udp_load_test: puts load on a UDP BitTorrent tracker, measures it and checks its answers.
// The same file is the main thread and, started anew by it, each worker.
import { isMainThread, workerData } from 'node:worker_threads'
import { httpLoadProgram } from '../load/http/config.ts'
import { runLoadTest } from '../load/run.ts'
import { udpLoadProgram } from '../load/udp/config.ts'
import { udpTester } from '../load/udp/main.ts'
import { runLoadWorker } from '../load/udp/worker.ts'
import { wsLoadProgram } from '../load/ws/config.ts'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'

if (isMainThread) {
  await runExecutable({
    ...udpLoadProgram,
    relatives: [httpLoadProgram, wsLoadProgram],
    run: (config, { values }) =>
      runLoadTest(udpTester, config, version, new URL(import.meta.url), values),
  })
} else {
  runLoadWorker(workerData)
}
