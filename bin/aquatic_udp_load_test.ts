// aquatic_udp_load_test: puts load on a UDP BitTorrent tracker, measures it and checks its answers.
// The same file is the main thread and, started anew by it, each worker.
import { isMainThread, workerData } from 'node:worker_threads'
import { loadSettings } from '../load/udp/config.ts'
import { runUdpLoadTest } from '../load/udp/main.ts'
import { runLoadWorker } from '../load/udp/worker.ts'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'

if (isMainThread) {
  await runExecutable({
    name: 'aquatic_udp_load_test',
    description: 'load tester for UDP BitTorrent trackers (BEP 15)',
    settings: loadSettings,
    flags: [
      { name: 'json', value: 'FILE', help: ['write all figures to FILE as JSON'] },
      { name: 'html', value: 'FILE', help: ['write a report with charts to FILE'] },
      { name: 'pid', value: 'N', help: ["watch process N, the tracker's, as [tracker] pid does"] },
    ],
    exitCodes: '3 wrong answers',
    run: (config, _, values) => runUdpLoadTest(config, version, new URL(import.meta.url), values),
  })
} else {
  runLoadWorker(workerData)
}
