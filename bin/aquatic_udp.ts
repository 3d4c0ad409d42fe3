// aquatic_udp: the UDP BitTorrent tracker. The same file is the main thread and, started anew by it,
// each worker: that works from source as well as in the single-file executable.
import '../src/process/early-signals.ts'
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'
import { httpProgram } from '../src/http/settings/config.ts'
import { trackerExecutable } from '../src/tracker/program.ts'
import { runTrackerWorker } from '../src/tracker/run-worker.ts'
import { udpTracker } from '../src/udp/main/main.ts'
import { runUdpWorker } from '../src/udp/worker/run.ts'
import { wsProgram } from '../src/ws/settings/program.ts'

if (isMainThread) {
  const entry = new URL(import.meta.url)
  await runExecutable(trackerExecutable(udpTracker, [httpProgram, wsProgram], version, entry))
} else {
  runTrackerWorker(workerData, runUdpWorker)
}
