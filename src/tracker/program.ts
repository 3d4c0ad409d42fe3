// A tracker as an executable, as bin/ passes it to the command line.
import type { CheckFindings, Executable } from '../config/cli.ts'
import type { Relative } from '../config/load.ts'
import { writeStderr } from '../config/output.ts'
import type { Schema } from '../config/schema.ts'
import { confineStart } from '../process/confine.ts'
import { checkHealth, HEALTH_CHECK } from '../process/health-check.ts'
import { checkTracker } from './check.ts'
import { enabledOf } from './protocol.ts'
import { COMBINED, SINGLE } from './relatives.ts'
import { runTracker } from './start.ts'
import type { TrackerConfig, TrackerProgram } from './tracker.ts'

/** `entry`: the file that workers run. */
export function trackerExecutable<S extends Schema>(
  program: TrackerProgram<S>,
  relatives: readonly Relative[],
  version: string,
  entry: URL,
): Executable<S> {
  const { name, protocols, several = false } = program
  return {
    ...program,
    relatives: [...relatives, several ? SINGLE : COMBINED],
    check: async (given) => {
      const config = given as TrackerConfig<S>
      const served = enabledOf(protocols, config)
      const listening = served.map((each) => each.listens(config))
      const remark = (text: string) => writeStderr(`${name}: ${text}\n`)
      const own = served.map((each) => each.check(config, remark))
      return together([await checkTracker(config, listening), ...own])
    },
    prepare: (config, start) => confineStart((config as TrackerConfig<S>).privileges, start),
    run: (given, context) => {
      const config = given as TrackerConfig<S>
      const seconds = context.values.get(HEALTH_CHECK.name)
      return seconds === undefined
        ? runTracker(program, { config, version, entry, context })
        : askAll(program, config, seconds)
    },
  }
}

/** Returns the exit code. */
async function askAll<S extends Schema>(
  { protocols }: TrackerProgram<S>,
  config: TrackerConfig<S>,
  seconds: string,
): Promise<number> {
  const asked = enabledOf(protocols, config).map((protocol) =>
    checkHealth(protocol.listens(config).settings, seconds, protocol.healthQuestion(config)),
  )
  return Math.max(...(await Promise.all(asked)))
}

function together(found: readonly CheckFindings[]): CheckFindings {
  return {
    problems: found.flatMap(({ problems }) => problems),
    warnings: found.flatMap(({ warnings }) => warnings),
  }
}
