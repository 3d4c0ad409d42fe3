// aquatic_ws: the WebTorrent tracker. The same file is the main thread and, started anew by it, each
// worker: that works from source as well as in the single-file executable.
import '../src/process/early-signals.ts'
import { isMainThread, workerData } from 'node:worker_threads'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'
import { writeStderr } from '../src/config/output.ts'
import { confineStart } from '../src/process/confine.ts'
import { checkHealth, HEALTH_CHECK } from '../src/process/health-check.ts'
import { checkTracker } from '../src/tracker/check.ts'
import { udpProgram } from '../src/udp/config.ts'
import { wsProgram } from '../src/ws/config.ts'
import { askForScrape } from '../src/ws/health-check.ts'
import { runWsTracker } from '../src/ws/main.ts'
import { runSocketWorker } from '../src/ws/socket-worker.ts'
import { checkTls } from '../src/ws/tls.ts'

if (isMainThread) {
  await runExecutable({
    ...wsProgram,
    relatives: [udpProgram],
    check: async (config) => {
      const { problems, warnings } = await checkTracker(config)
      const tls = checkTls(config.network, (text) => writeStderr(`${wsProgram.name}: ${text}\n`))
      return {
        problems: [...problems, ...tls.problems],
        warnings: [...warnings, ...tls.warnings],
      }
    },
    prepare: ({ privileges }, start) => confineStart(privileges, start),
    run: (config, context) => {
      const seconds = context.values.get(HEALTH_CHECK.name)
      const { network } = config
      if (seconds !== undefined) {
        return checkHealth(network, seconds, (address) =>
          askForScrape(address, network.use_tls, network.proxy_header),
        )
      }
      return runWsTracker(config, version, new URL(import.meta.url), context)
    },
  })
} else {
  runSocketWorker(workerData)
}
