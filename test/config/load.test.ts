import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Environment, loadSettings } from '../../src/config/load.ts'
import { defineSettings, section } from '../../src/config/schema.ts'
import { boolean, choice, integer, string, stringOrList } from '../../src/config/setting.ts'
import { folderOfFile } from '../support/folder.ts'

const settings = defineSettings({
  schema: {
    workers: integer(1, { min: 0, max: 9 }, 'Workers.'),
    log_level: choice('error', ['off', 'error', 'warn'], 'Level.'),
    network: section('Network.', {
      address: stringOrList('here', {}, 'Address.'),
      use_tls: boolean(false, 'TLS.'),
      password: string('', { secret: true, check: refuseShort }, 'Password.'),
    }),
    statistics: section('Statistics.', { interval: integer(0, { min: 0, max: 9 }, 'Interval.') }),
    cleaning: section('Cleaning.', {
      interval: integer(3, { min: 1, max: 9 }, 'Interval.'),
      max_age: integer(5, { min: 1, max: 9 }, 'Age.'),
    }),
  },
  retired: {
    'cleaning.clean_every': 'it is called [cleaning] interval.',
    pinning: 'workers are not pinned.',
    'metrics.address': 'it is called [network] address.',
  },
  crossCheck: ({ cleaning }) => {
    if (cleaning.interval <= cleaning.max_age) return []
    const text = `interval ${cleaning.interval} is above max_age ${cleaning.max_age}`
    const kind = cleaning.interval === 9 ? 'problem' : 'warning'
    return [{ kind, paths: ['cleaning.interval', 'cleaning.max_age'], text }]
  },
})

function refuseShort(text: string) {
  return text.length > 3 ? null : { fault: 'is too short', remedy: 'Write more' }
}

const directory = folderOfFile()
const path = join(directory, 'demo.toml')

function load(text: string | null, environment: Environment = {}) {
  if (text !== null) writeFileSync(path, text)
  const loaded = loadSettings(settings, text === null ? null : path, environment)
  const short = (line: string) => line.replaceAll(path, 'demo.toml')
  return {
    ...loaded,
    problems: loaded.problems.map(short),
    warnings: loaded.warnings.map(short),
  }
}

describe('precedence', () => {
  test('without file and environment there are defaults', () => {
    expect(load(null)).toMatchObject({
      problems: [],
      warnings: [],
      config: {
        workers: 1,
        log_level: 'error',
        network: { address: 'here', use_tls: false, password: '' },
        statistics: { interval: 0 },
        cleaning: { interval: 3, max_age: 5 },
      },
    })
  })

  test('the file overrides defaults and the environment overrides the file', () => {
    const { config, origins, problems } = load('workers = 2\n[network]\naddress = "there"', {
      AQUATIC_NETWORK_ADDRESS: 'a, b',
      AQUATIC_NETWORK_USE_TLS: 'true',
      AQUATIC_CLEANING_INTERVAL: '4',
    })
    expect(problems).toEqual([])
    expect(config.workers).toBe(2)
    expect(config.network).toMatchObject({ address: ['a', 'b'], use_tls: true })
    expect(config.cleaning).toEqual({ interval: 4, max_age: 5 })
    expect(Object.fromEntries(origins)).toEqual({
      workers: `${path}:1`,
      'network.address': 'AQUATIC_NETWORK_ADDRESS',
      'network.use_tls': 'AQUATIC_NETWORK_USE_TLS',
      'cleaning.interval': 'AQUATIC_CLEANING_INTERVAL',
    })
  })

  test('dotted keys, inline tables and sections are the same to it', () => {
    for (const text of ['cleaning.interval = 4', 'cleaning = { interval = 4 }']) {
      expect(load(text)).toMatchObject({ problems: [], config: { cleaning: { interval: 4 } } })
    }
  })
})

describe('mistakes', () => {
  test('are reported all at once, with file, line, key, value, allowed values and remedy', () => {
    const text = 'workers = 10\nlog_level = "Warn"\n[network]\nuse_tls = "yes"\naddress = 3'
    expect(load(text, { AQUATIC_STATISTICS_INTERVAL: 'x' }).problems).toEqual([
      'demo.toml:1: workers = 10 is too large: allowed is a whole number from 0 to 9. ' +
        'Lower it, or delete the line to have the default, 1.',
      "demo.toml:2: log_level = 'Warn' is not known: allowed is one of 'off', 'error', 'warn'. " +
        "Write 'warn', or delete the line to have the default, 'error'.",
      "demo.toml:4: [network] use_tls = 'yes' is a string: allowed is true or false. " +
        'Write true or false without quotes, or delete the line to have the default, false.',
      'demo.toml:5: [network] address = 3 is a number: allowed is a string, or a list of them. ' +
        "Write text in quotes, or delete the line to have the default, 'here'.",
      "environment variable AQUATIC_STATISTICS_INTERVAL = 'x' is not a whole number: allowed is " +
        'a whole number from 0 to 9. Write it in digits, or unset the variable to have the ' +
        'default, 0.',
    ])
  })

  test('in the file count even where the environment overrides them', () => {
    expect(load('workers = 10', { AQUATIC_WORKERS: '2' }).problems).toHaveLength(1)
  })

  test('in the environment are reported even when the file cannot be read', () => {
    writeFileSync(path, '')
    const { problems } = loadSettings(settings, join(path, 'x'), { AQUATIC_WORKERS: '10' })
    expect(problems).toHaveLength(2)
  })

  test('leave the default in place, so that the configuration is complete', () => {
    expect(load('workers = 10\nlog_level = 1').config).toEqual(load(null).config)
  })

  test('of syntax name line and column', () => {
    expect(load('workers = 1\nworkers = 2').problems[0]).toStartWith('demo.toml:2:1: not TOML: ')
  })

  test('never show a secret', () => {
    const { problems } = load('[network]\npassword = "abc"', { AQUATIC_NETWORK_PASSWORD: 'xyz' })
    expect(problems).toHaveLength(2)
    expect(problems[0]).toContain('[network] password = (hidden) is too short')
    expect(problems.join()).not.toMatch(/abc|xyz/)
  })

  test('show a long value in part, and a whole float with its point', () => {
    expect(load(`workers = "${'x'.repeat(1000)}"`).problems[0].length).toBeLessThan(250)
    expect(load('workers = 4.0').problems[0]).toContain('workers = 4.0 is not whole')
  })

  test('are one line each, whatever the value and the path hold', () => {
    const { problems } = load('log_level = "a\\nb\\u001b"')
    expect(problems[0]).toContain('log_level = "a\\nb\\u001b" is not known')
    const odd = loadSettings(settings, '/nonexistent\n\u001b[31m', {}).problems[0]
    expect(odd).toStartWith('/nonexistent??[31m: there is no such file')
  })
})

describe('typographic quotes', () => {
  test.each([
    ['[network]\naddress = “x”', "write address = 'x'"],
    ['workers = “2”', 'write workers = 2'],
    ['[network]\nuse_tls = “true”', 'write use_tls = true'],
    ['log_level = ‘warn’', "write log_level = 'warn'"],
    ['xylophone = “2”', "write xylophone = '2'"],
  ])('%p: the line suggested is one that the setting takes', (text, remedy) => {
    expect(load(text).problems[0]).toEndWith(remedy)
    const fixed = text.replace(/[^\n]*$/, remedy.replace('write ', ''))
    if (!text.startsWith('xylophone')) expect(load(fixed).problems).toEqual([])
  })

  test('around a secret show nothing of it', () => {
    const [problem] = load('[network]\npassword = “hunter2”').problems
    expect(problem).toContain('these are typographic quotes')
    expect(problem).not.toContain('hunter2')
  })

  test('that no setting takes in any form are reported without a line', () => {
    expect(load('workers = “two”').problems[0]).toEndWith('are quotes here')
  })
})

describe('an unknown key', () => {
  test.each([
    ['worker = 1', 'worker is not a setting of this program. Did you mean workers?'],
    ['[cleaning]\nintervall = 1', 'Did you mean [cleaning] interval?'],
    ['[network]\nlog-level = 1', 'Did you mean log_level?'],
    [
      '[network]\nworkers = 1',
      '[network] workers is not a setting of this program. It belongs before the first section.',
    ],
    ['interval = 1', 'It belongs in section [statistics] or in section [cleaning].'],
    [
      '"network.address" = 1',
      "'network.address' is not a setting of this program. Write it without quotes.",
    ],
    [
      '[netwrok]\naddress = 1',
      '[netwrok] is not a section of this program. Did you mean [network]?',
    ],
    ['[tls]', 'Sections are: network, statistics, cleaning.'],
    ['network = 1', 'network is a number, but it is the name of a section: write [network]'],
    ['[[network]]\naddress = 1', 'network is a list, but it is the name of a section'],
    ['[workers]\nx = 1', 'workers = { x = 1 } is a table'],
    [
      '[cleaning]\nclean_every = 1',
      '[cleaning] clean_every is not a setting here: it is called [cleaning] interval.',
    ],
    [
      '[metrics]\naddress = 1',
      '[metrics] address is not a setting here: it is called [network] address.',
    ],
    ['[pinning]\nactive = true', '[pinning] is not a setting here: workers are not pinned.'],
    ['xylophone = 1', 'Delete the line, or see -p for all settings.'],
    ['__proto__ = 1', '__proto__ is not a setting'],
    ['[constructor]\nx = 1', '[constructor] is not a section'],
    ['[network]\nhasOwnProperty = 1', '[network] hasOwnProperty is not a setting'],
  ])('%p', (text, expected) => {
    const { problems } = load(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(expected)
    expect(problems[0]).toMatch(/^demo\.toml:[12]: /)
  })
})

describe('an unknown variable', () => {
  test('is a problem, as an unknown key is, that names the nearest one', () => {
    const { problems, warnings } = load(null, {
      AQUATIC_NETWORK_ADRESS: 'x',
      AQUATIC_XYLOPHONE: 'x',
      PATH: 'x',
    })
    expect(warnings).toEqual([])
    expect(problems).toEqual([
      'environment variable AQUATIC_NETWORK_ADRESS names no setting of this program; ' +
        'did you mean AQUATIC_NETWORK_ADDRESS?',
      'environment variable AQUATIC_XYLOPHONE names no setting of this program: unset it.',
    ])
  })

  test('without the section proposes those that have such a key', () => {
    expect(load(null, { AQUATIC_INTERVAL: '1', AQUATIC_ADDRESS: 'x' }).problems).toEqual([
      'environment variable AQUATIC_ADDRESS names no setting of this program; ' +
        'did you mean AQUATIC_NETWORK_ADDRESS?',
      'environment variable AQUATIC_INTERVAL names no setting of this program; ' +
        'did you mean AQUATIC_STATISTICS_INTERVAL or AQUATIC_CLEANING_INTERVAL?',
    ])
  })

  test('for a key of other versions says what to do', () => {
    expect(load(null, { AQUATIC_CLEANING_CLEAN_EVERY: '1' }).problems).toEqual([
      'environment variable AQUATIC_CLEANING_CLEAN_EVERY is not a setting here: ' +
        'it is called [cleaning] interval.',
    ])
  })

  test.each([
    ['AQUATIC_SERVICE_HOST', '10.0.0.1'],
    ['AQUATIC_UDP_SERVICE_PORT', '3000'],
    ['AQUATIC_SERVICE_PORT_TRACKER', '3000'],
    ['AQUATIC_PORT', 'udp://10.0.0.1:3000'],
    ['AQUATIC_WS_PORT_3000_TCP', 'tcp://10.0.0.1:3000'],
    ['AQUATIC_PORT_3000_UDP_ADDR', '10.0.0.1'],
    ['AQUATIC_COMPARE_OURS', '/somewhere/aquatic_udp'],
    ['AQUATIC_UDP_EXECUTABLE', '/somewhere/aquatic_udp'],
  ])('that others set and nobody wrote, %s, is none', (variable, value) => {
    expect(load(null, { [variable]: value })).toMatchObject({ problems: [], warnings: [] })
  })

  test('that could be a port meant for us is a problem', () => {
    expect(load(null, { AQUATIC_PORT: '3000' }).problems).toHaveLength(1)
  })
})

describe('a setting of another program of the family', () => {
  const relative = {
    name: 'other',
    settings: {
      schema: {
        threads: integer(1, { min: 0, max: 9 }, 'Threads.'),
        network: section('Network.', { path: string('', {}, 'Path.') }),
        storage: section('Storage.', { interval: integer(1, { min: 0, max: 9 }, 'Interval.') }),
      },
    },
  }
  const path = join(folderOfFile(), 'relative.toml')
  const problemsOf = (text: string, environment: Environment = {}) => {
    writeFileSync(path, text)
    return loadSettings(settings, path, environment, { relatives: [relative] }).problems
  }

  test.each([
    [
      'threads = 2',
      'threads is not a setting of this program. It belongs to other: delete the line.',
    ],
    [
      '[network]\npath = "x"',
      '[network] path is not a setting of this program. It belongs to other',
    ],
    ['[storage]\ninterval = 2', '[storage] is not a section of this program. It belongs to other'],
  ])('is told as that: %p', (text, expected) => {
    const problems = problemsOf(text)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(expected)
  })

  test('in the environment too', () => {
    expect(problemsOf('', { AQUATIC_STORAGE_INTERVAL: '2' })).toEqual([
      'environment variable AQUATIC_STORAGE_INTERVAL names no setting of this program; ' +
        'it belongs to other: unset it.',
    ])
  })

  test('is not thought of where the key has another place here', () => {
    expect(problemsOf('[network]\nworkers = 1')[0]).toContain('It belongs before the first section')
  })
})

describe('settings that do not fit together', () => {
  test('is located where the first of the settings comes from', () => {
    expect(load('\n[cleaning]\ninterval = 6').warnings).toEqual([
      'demo.toml:3: interval 6 is above max_age 5',
    ])
    expect(load(null, { AQUATIC_CLEANING_MAX_AGE: '1' }).warnings).toEqual([
      'AQUATIC_CLEANING_MAX_AGE: interval 3 is above max_age 1',
    ])
  })

  test('may be a problem', () => {
    expect(load('cleaning.interval = 9')).toMatchObject({
      warnings: [],
      problems: ['demo.toml:1: interval 9 is above max_age 5'],
    })
  })

  test('is not reported when one of the settings is wrong by itself', () => {
    const { problems, warnings } = load('cleaning = { interval = 9, max_age = "9" }')
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('max_age')
    expect(warnings).toEqual([])
  })
})
