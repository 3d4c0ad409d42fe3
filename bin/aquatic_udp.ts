// aquatic_udp: the UDP BitTorrent tracker. The same file is the main thread and, started anew by it,
// each worker: that works from source as well as in the single-file executable.
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'
import { udpProgram } from '../src/udp/config.ts'
import { runUdpTracker } from '../src/udp/main.ts'
import { runRequestWorker } from '../src/udp/request-worker.ts'
import { runSocketWorker } from '../src/udp/socket-worker.ts'

if (isMainThread) {
  await runExecutable({
    ...udpProgram,
    run: (config, context) => runUdpTracker(config, version, new URL(import.meta.url), context),
  })
} else if (workerData.role === 'request') {
  runRequestWorker(workerData)
} else {
  runSocketWorker(workerData)
}
