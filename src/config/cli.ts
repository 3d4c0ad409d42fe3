// The main function of every executable: reads the command line and the settings, does what was
// asked, or starts the program. Each file in bin/ calls runExecutable and nothing else.

import { version as packageVersion } from '../../package.json'
import { type CommandLine, flagsHelp, type OwnFlag, parseCommandLine } from './flags.ts'
import {
  type BaseSettings,
  type Environment,
  type Loaded,
  loadSettings,
  type Relative,
} from './load.ts'
import { writeStderr, writeStdout } from './output.ts'
import { counted } from './quantities.ts'
import { type ConfigOf, exampleEntries, type Schema, type Settings, valueAt } from './schema.ts'
import { defaultFile, effectiveFile, shortFile, tomlText, wrap } from './toml-text.ts'

const EXIT_OK = 0
const EXIT_FAILED = 1
const EXIT_USAGE = 2

const HELP_COLUMNS = 78

/** What an executable is, for its command line, its manual pages and the shells' completions. */
export interface Program<S extends Schema> {
  name: string
  /** One sentence for --help. */
  description: string
  settings: Settings<S>
  /** Flags beyond the family's; `run` gets their values. */
  flags?: readonly OwnFlag[]
  /**
   * Settings that its flags bring, which the settings file overrides. `reached`: how a file that a flag names is
   * called now; null when it cannot be read any more.
   */
  base?: (flags: CommandLine['values'], reached: (path: string) => string | null) => BaseSettings
  /** What --help says of exit codes beyond the family's, such as `3 wrong answers`. */
  exitCodes?: string
}

/** One line for each. */
export interface CheckFindings {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

export interface Executable<S extends Schema> extends Program<S> {
  /** Other programs of the family, to say whose setting was found in the wrong place. */
  relatives?: readonly Relative[]
  /** The package's, unless told otherwise. */
  version?: string
  /**
   * For --check: tries what a start would need beside its settings, such as the files that they name;
   * one line for each finding. Settings with a mistake of their own come with their default values.
   */
  check?: (config: ConfigOf<S>) => Promise<CheckFindings>
  /**
   * For a start, before anything is written: may begin it anew in this process, with fewer rights. Throws
   * as `run` does.
   */
  prepare?: (config: ConfigOf<S>, start: StartLine) => Promise<void>
  /**
   * Starts the program. A StartError thrown here ends the process with its message alone, any other
   * error with its stack. A program that is done when this returns gives its exit code.
   */
  run: (config: ConfigOf<S>, context: RunContext<S>) => Outcome
}

/** What a program starts with. */
export interface StartLine extends CommandLine {
  /** The settings file's text, when nobody can read it again, as that of a pipe. */
  readonly readOnce: Uint8Array | undefined
}

/** What a program may want beside its settings. */
export interface RunContext<S extends Schema> {
  /** Have already been written to standard error. */
  readonly warnings: readonly string[]
  /** Of its own flags. */
  readonly values: CommandLine['values']
  /** The effective settings as TOML, without secrets, each with where it comes from. */
  readonly settingsText: string
  /** The settings file, as it was given. */
  readonly configPath: string | null
  /**
   * Reads the settings again, from this file, the flags and the environment of the start. `reached`: see
   * `Program.base`.
   */
  readonly load: (
    path: string | null,
    reached: (path: string) => string | null,
  ) => Loaded<S> & {
    /** As above, but with the values in force, and after them those that wait for a restart. */
    readonly settingsText: (inForce: ConfigOf<S>) => string
  }
}

/** A program that keeps running returns nothing. */
type Outcome = void | number | Promise<void> | Promise<number>

/** A reason not to start that the operator can remove: its message is all they need to see. */
export class StartError extends Error {
  override name = 'StartError'
}

/** The value of a flag is wrong, which parseCommandLine could not detect. */
export class FlagError extends StartError {
  override name = 'FlagError'
}

export async function runExecutable<S extends Schema>(executable: Executable<S>): Promise<void> {
  const code = await runCommand(executable, process.argv.slice(2), process.env)
  if (code !== null) process.exit(code)
}

/** The exit code, or null when the program has been started. */
async function runCommand<S extends Schema>(
  executable: Executable<S>,
  args: readonly string[],
  environment: Environment,
): Promise<number | null> {
  const { name, settings, relatives = [] } = executable
  const line = parseCommandLine(args, executable.flags)
  if ('mistake' in line) {
    writeStderr(`${name}: ${line.mistake}\n\n${usage(executable)}`)
    return EXIT_USAGE
  }
  if (line.action === 'help') return print(name, `${usage(executable)}\n${help(executable)}`)
  if (line.action === 'version') return print(name, `${name} ${versionOf(executable)}\n`)
  if (line.action === 'print-config') return print(name, defaultFile(name, settings.schema))
  if (line.action === 'print-short-config') return print(name, shortFile(name, settings))

  const base = executable.base?.(line.values, (path) => path)
  const loaded = loadSettings(settings, line.configPath, environment, { base, relatives })
  if (line.action === 'run' && loaded.problems.length === 0) {
    try {
      await executable.prepare?.(loaded.config, { ...line, readOnce: loaded.readOnce })
    } catch (error) {
      return failed(name, error)
    }
  }
  const isCheck = line.action === 'check'
  const found = isCheck ? await executable.check?.(loaded.config) : undefined
  const problems = [...loaded.problems, ...(found?.problems ?? [])]
  const warnings = [...loaded.warnings, ...(found?.warnings ?? [])]
  for (const warning of warnings) writeStderr(`${name}: warning: ${warning}\n`)
  if (problems.length > 0) {
    writeStderr(problemReport(name, problems))
    return EXIT_FAILED
  }
  if (line.action === 'print-effective-config') return print(name, effectiveText(settings, loaded))
  if (isCheck) return print(name, checkReport(line, base?.files ?? [], { ...loaded, warnings }))
  return start(executable, loaded, line, environment)
}

async function start<S extends Schema>(
  executable: Executable<S>,
  loaded: Loaded<S>,
  { values, configPath }: CommandLine,
  environment: Environment,
): Promise<number | null> {
  const { settings, relatives = [] } = executable
  const load = (path: string | null, reached: (path: string) => string | null) => {
    const base = executable.base?.(values, reached)
    const again = loadSettings(settings, path, environment, { base, isRunning: true, relatives })
    return {
      ...again,
      settingsText: (inForce: ConfigOf<S>) => effectiveText(settings, again, inForce),
    }
  }
  try {
    const { config, warnings } = loaded
    const settingsText = effectiveText(settings, loaded)
    const context = { warnings, values, settingsText, configPath, load }
    const code = await executable.run(config, context)
    return typeof code === 'number' ? code : null
  } catch (error) {
    return failed(executable.name, error)
  }
}

function failed(name: string, error: unknown): number {
  writeStderr(`${name}: ${failureText(error)}\n`)
  return error instanceof FlagError ? EXIT_USAGE : EXIT_FAILED
}

function print(name: string, text: string): number {
  const failure = writeStdout(text)
  if (failure === null) return EXIT_OK
  writeStderr(`${name}: cannot write to standard output: ${failure}\n`)
  return EXIT_FAILED
}

function usage<S extends Schema>({ name, flags = [] }: Executable<S>): string {
  return `Usage: ${name} [flags]\n\n${flagsHelp(flags)}`
}

function help<S extends Schema>(executable: Executable<S>): string {
  const { name, description, exitCodes, settings } = executable
  return `${name} ${versionOf(executable)}: ${description}

Without flags it starts with the default settings. To change some:
  ${name} -p > ${name}.toml
  ${name} --check -c ${name}.toml
  ${name} -c ${name}.toml

${variablesHelp(settings.schema)}
Exit codes: 0 done or stopped, 1 failed or settings wrong, 2 wrong flags${exitCodes === undefined ? '' : `, ${exitCodes}`}.
`
}

function variablesHelp(schema: Schema): string {
  const examples = exampleEntries(schema).map(({ section, key, variable }) =>
    section === '' ? `${variable} sets ${key}` : `${variable} sets ${key} in section [${section}]`,
  )
  const text = `An environment variable overrides the file: ${examples.join(', ')}.`
  return wrap(text, HELP_COLUMNS).join('\n')
}

function problemReport(name: string, problems: readonly string[]): string {
  const count = counted(problems.length, 'mistake')
  const lines = problems.map((problem) => `  ${problem}\n`).join('')
  return `${name}: ${count} in the settings:\n${lines}`
}

/** `inForce`: values that differ from the loaded ones where those need a restart. */
function effectiveText<S extends Schema>(
  settings: Settings<S>,
  loaded: Loaded<S>,
  inForce: ConfigOf<S> = loaded.config,
): string {
  return effectiveFile(settings.schema, inForce, (entry) => {
    const origin = loaded.origins.get(entry.path)
    const from = origin === undefined ? '' : `from ${origin}`
    const wanted = tomlText(valueAt(loaded.config, entry))
    if (wanted === tomlText(valueAt(inForce, entry))) return from
    const value = entry.setting.secret ? 'another value' : wanted
    return `needs a restart to be ${value}, ${origin === undefined ? 'the default' : from}`
  })
}

function checkReport<S extends Schema>(
  { configPath }: CommandLine,
  files: readonly string[],
  loaded: Loaded<S>,
): string {
  const all = configPath === null ? files : [...files, configPath]
  const subject = all.join(', ') || 'no settings file, so defaults and environment'
  const set = loaded.origins.size
  const warnings = loaded.warnings.length
  const remark = warnings === 0 ? '' : `, ${counted(warnings, 'warning')}`
  return `${subject}: valid (${counted(set, 'setting')} given${remark})\n`
}

function failureText(error: unknown): string {
  if (error instanceof StartError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function versionOf<S extends Schema>(executable: Executable<S>): string {
  return executable.version ?? packageVersion
}
