import { describe, expect, test } from 'bun:test'
import { flagsHelp, parseCommandLine } from '../../src/config/flags.ts'

describe('flags', () => {
  test.each([
    [[], 'run', null],
    [['-c', 'a.toml'], 'run', 'a.toml'],
    [['-c=a.toml'], 'run', 'a.toml'],
    [['-ca.toml'], 'run', 'a.toml'],
    [['--config-file', 'a.toml'], 'run', 'a.toml'],
    [['--config-file=a=b'], 'run', 'a=b'],
    [['--config-file=-a'], 'run', '-a'],
    [['-p'], 'print-config', null],
    [['--print-config'], 'print-config', null],
    [['-P', '-c', 'a'], 'print-effective-config', 'a'],
    [['-Pc', 'a'], 'print-effective-config', 'a'],
    [['--print-effective-config'], 'print-effective-config', null],
    [['--check', '-c', 'a'], 'check', 'a'],
    [['-h'], 'help', null],
    [['--help', '-p'], 'help', null],
    [['-v', '-p'], 'version', null],
    [['--version'], 'version', null],
    [['-p', '-p'], 'print-config', null],
    [['--check', '-P'], 'print-effective-config', null],
    [['-p', '--short'], 'print-short-config', null],
    [['--short', '--print-config'], 'print-short-config', null],
    [['--short', '-h'], 'help', null],
    [['--'], 'run', null],
  ] as const)('%j', (args, action, configPath) => {
    expect(parseCommandLine(args)).toEqual({ action, configPath, values: new Map() })
  })
})

describe('mistakes', () => {
  test.each([
    [['--chek'], 'unknown flag --chek; did you mean --check?'],
    [['--config', 'x'], 'unknown flag --config; did you mean --config-file?'],
    [['--xylophone'], 'unknown flag --xylophone'],
    [['-x'], 'unknown flag -x'],
    [['-px'], 'unknown flag -x'],
    [['-c'], '-c needs the path of a settings file'],
    [['-c', ''], '-c needs the path of a settings file'],
    [['-c='], '-c needs the path of a settings file'],
    [['-c', '-p'], '-c needs the path of a settings file'],
    [['-c', '--check'], '-c needs the path of a settings file'],
    [['--config-file'], '--config-file needs the path of a settings file'],
    [['--config-file='], '--config-file needs the path of a settings file'],
    [['-c', 'a', '-c', 'b'], 'a settings file is given twice'],
    [['a.toml'], "'a.toml' is not a flag; a settings file is given with -c"],
    [['--', '-p'], "'-p' is not a flag; a settings file is given with -c"],
    [['--help=x'], '--help takes no value'],
    [['--short'], '--short goes with -p'],
    [['--short', '--check'], '--short goes with -p'],
    [[''], "'' is not a flag; a settings file is given with -c"],
  ])('%j', (args, mistake) => {
    expect(parseCommandLine(args)).toEqual({ mistake })
  })
})

describe('flags of one executable', () => {
  const own = [{ name: 'json', value: 'FILE', help: ['write the figures', 'to FILE'] }]

  test.each([
    [['--json', 'a.json'], 'a.json'],
    [['--json=a=b', '-c', 'x.toml'], 'a=b'],
    [['--json=-'], '-'],
  ])('%j', (args, value) => {
    expect(parseCommandLine(args, own)).toMatchObject({ values: new Map([['json', value]]) })
  })

  test.each([
    [['--json'], '--json needs a value: --json FILE'],
    [['--json='], '--json needs a value: --json FILE'],
    [['--json', '--check'], '--json needs a value: --json FILE'],
    [['--json', 'a', '--json', 'b'], '--json is given twice'],
    [['--jsom', 'a'], 'unknown flag --jsom; did you mean --json?'],
  ])('%j is a mistake', (args, mistake) => {
    expect(parseCommandLine(args, own)).toEqual({ mistake })
  })

  test('are unknown to the others', () => {
    expect(parseCommandLine(['--json', 'a'])).toEqual({ mistake: 'unknown flag --json' })
  })

  test('stand in the help below those of the family', () => {
    const lines = flagsHelp(own).split('\n')
    expect(lines.at(-3)).toBe('      --json FILE                write the figures')
    expect(lines.at(-2)).toBe(`${' '.repeat(33)}to FILE`)
    expect(flagsHelp([])).toBe(flagsHelp(own).split('\n').slice(0, -3).join('\n').concat('\n'))
  })
})

test('an own flag without a value takes none', () => {
  const own = [{ name: 'test', help: ['for tests'] }]
  for (const args of [['--test'], ['--test', '--test'], ['--test', '-c', 'x']]) {
    expect(parseCommandLine(args, own)).toMatchObject({ values: new Map([['test', '']]) })
  }
  expect(parseCommandLine(['--test=x'], own)).toEqual({ mistake: '--test takes no value' })
  expect(parseCommandLine(['--test', 'x'], own)).toHaveProperty('mistake')
  expect(parseCommandLine([], own)).toMatchObject({ values: new Map() })
})
