// aquatic: the BitTorrent tracker of all protocols, in one process. The same file is the main thread and,
// started anew by it, each worker: that works from source as well as in the single-file executable.
import '../src/process/early-signals.ts'
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { aquaticTracker, runWorker } from '../src/aquatic/protocols.ts'
import { runExecutable } from '../src/config/cli.ts'
import { trackerExecutable } from '../src/tracker/program.ts'
import { runTrackerWorker } from '../src/tracker/run-worker.ts'
import { openWsSharing } from '../src/ws/cluster/sharing.ts'

if (isMainThread) {
  const entry = new URL(import.meta.url)
  await runExecutable(trackerExecutable(aquaticTracker, [], version, entry))
} else {
  runTrackerWorker(workerData, runWorker, openWsSharing)
}
