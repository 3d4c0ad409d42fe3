// aquatic_ws: the WebTorrent tracker. The same file is the main thread and, started anew by it, each
// worker: that works from source as well as in the single-file executable.
import '../src/process/early-signals.ts'
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'
import { httpProgram } from '../src/http/settings/config.ts'
import { trackerExecutable } from '../src/tracker/program.ts'
import { runTrackerWorker } from '../src/tracker/run-worker.ts'
import { udpProgram } from '../src/udp/settings/config.ts'
import { openWsSharing } from '../src/ws/cluster/sharing.ts'
import { wsTracker } from '../src/ws/main/main.ts'
import { runWsWorker } from '../src/ws/worker/run.ts'

if (isMainThread) {
  const entry = new URL(import.meta.url)
  await runExecutable(trackerExecutable(wsTracker, [httpProgram, udpProgram], version, entry))
} else {
  runTrackerWorker(workerData, runWsWorker, openWsSharing)
}
