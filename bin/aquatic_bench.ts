// aquatic_bench: runs BitTorrent trackers under the same load in alternation, and compares them.
import { runBench } from '../load/compare/bench.ts'
import { benchProgram } from '../load/compare/config.ts'
import { version } from '../package.json'
import { runExecutable } from '../src/config/cli.ts'

await runExecutable({
  ...benchProgram,
  run: (config, { values }) => runBench(config, version, values),
})
