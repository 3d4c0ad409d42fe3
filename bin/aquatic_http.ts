// aquatic_http: the HTTP BitTorrent tracker. The same file is the main thread and, started anew by it,
// each worker: that works from source as well as in the single-file executable.
import '../src/process/early-signals.ts'
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'
import { httpTracker } from '../src/http/main/main.ts'
import { runHttpWorker } from '../src/http/worker/run.ts'
import { trackerExecutable } from '../src/tracker/program.ts'
import { runTrackerWorker } from '../src/tracker/run-worker.ts'
import { udpProgram } from '../src/udp/settings/config.ts'
import { wsProgram } from '../src/ws/settings/program.ts'

if (isMainThread) {
  const entry = new URL(import.meta.url)
  await runExecutable(trackerExecutable(httpTracker, [udpProgram, wsProgram], version, entry))
} else {
  runTrackerWorker(workerData, runHttpWorker)
}
