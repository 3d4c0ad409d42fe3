// The main function of aquatic_doctor: reads the command line, has the host or the trackers looked at, and prints what was
// found. Called by bin/aquatic_doctor.ts.
import { version } from '../package.json'
import { writeStderr, writeStdout } from '../src/config/output.ts'
import { wrap } from '../src/config/toml-text.ts'
import {
  type DoctorLine,
  doctorTool,
  parseDoctorLine,
  UsageError,
  usageText,
} from './command-line.ts'
import {
  EXIT_GOOD,
  EXIT_USAGE,
  EXIT_WRONG,
  exitCodeOf,
  reportsJson,
  reportText,
} from './finding.ts'
import { applyChanges } from './host/apply.ts'
import { examineHost } from './host/host.ts'
import { ApplyError } from './host/record.ts'
import { revertChanges } from './host/revert.ts'
import { askTrackers } from './tracker/ask.ts'

const HELP_COLUMNS = 78

export type Environment = Readonly<Record<string, string | undefined>>

/** Returns the exit code. */
export async function runDoctor(
  args: readonly string[],
  environment: Environment,
): Promise<number> {
  const { name } = doctorTool
  const line = parseDoctorLine(args)
  if ('mistake' in line) {
    writeStderr(`${name}: ${line.mistake}\n\n${usageText()}`)
    return EXIT_USAGE
  }
  if (line.action === 'help') return print(`${usageText()}\n${help()}`, EXIT_GOOD)
  if (line.action === 'version') return print(`${name} ${version}\n`, EXIT_GOOD)
  try {
    return await examine(line, environment)
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof ApplyError)) throw error
    writeStderr(`${name}: ${error.message}\n`)
    return error instanceof UsageError ? EXIT_USAGE : EXIT_WRONG
  }
}

async function examine(line: DoctorLine, environment: Environment): Promise<number> {
  if (line.action === 'tracker') return askTrackers(line)
  if (line.action === 'apply') return applyChanges(line, environment)
  if (line.action === 'revert') return revertChanges(line)
  const reports = [await examineHost(line, environment)]
  const text = line.json ? reportsJson(reports, version) : reports.map(reportText).join('\n')
  return print(text, exitCodeOf(reports))
}

function print(text: string, code: number): number {
  const failure = writeStdout(text)
  if (failure === null) return code
  writeStderr(`${doctorTool.name}: cannot write to standard output: ${failure}\n`)
  return EXIT_WRONG
}

function help(): string {
  const { name, description, paragraphs, exitCodes } = doctorTool
  const texts = [...paragraphs, `Exit codes: ${exitCodes.join(', ')}.`]
  const filled = texts.map((text) => wrap(text.replace(/\s+/g, ' '), HELP_COLUMNS).join('\n'))
  return `${name} ${version}: ${description}\n\n${filled.join('\n\n')}\n`
}
