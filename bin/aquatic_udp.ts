// aquatic_udp: the UDP BitTorrent tracker. The same file is the main thread and, started anew by it,
// each worker: that works from source as well as in the single-file executable.
import '../src/process/early-signals.ts'
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'
import { confineStart } from '../src/process/confine.ts'
import { checkHealth, HEALTH_CHECK } from '../src/process/health-check.ts'
import { checkTracker } from '../src/tracker/check.ts'
import { udpProgram } from '../src/udp/config.ts'
import { askForConnectionId } from '../src/udp/health-check.ts'
import { runUdpTracker } from '../src/udp/main.ts'
import { runRequestWorker } from '../src/udp/request-worker.ts'
import { runSocketWorker } from '../src/udp/socket-worker.ts'
import { wsProgram } from '../src/ws/config.ts'

if (isMainThread) {
  await runExecutable({
    ...udpProgram,
    relatives: [wsProgram],
    check: checkTracker,
    prepare: ({ privileges }, start) => confineStart(privileges, start),
    run: (config, context) => {
      const seconds = context.values.get(HEALTH_CHECK.name)
      if (seconds !== undefined) return checkHealth(config.network, seconds, askForConnectionId)
      return runUdpTracker(config, version, new URL(import.meta.url), context)
    },
  })
} else if (workerData.role === 'request') {
  runRequestWorker(workerData)
} else {
  runSocketWorker(workerData)
}
