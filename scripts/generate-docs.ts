// Writes what is derived from the executables' settings and flags, the manuals in docs/, the manual
// pages and the shells' completions in packaging/, docs/third-party.md from the lockfile, and the chart
// of README.md from docs/benchmarks/. Run it after changing a setting, a flag, a dependency or a report:
//   node_modules/.bin/bun scripts/generate-docs.ts
// The tests fail while any of it is stale.

import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { doctorTool } from '../doctor/command-line.ts'
import { benchProgram } from '../load/compare/config.ts'
import { httpLoadProgram } from '../load/http/config.ts'
import { udpLoadProgram } from '../load/udp/config.ts'
import { wsLoadProgram } from '../load/ws/config.ts'
import { version } from '../package.json'
import { aquaticTracker } from '../src/aquatic/protocols.ts'
import type { Program } from '../src/config/cli.ts'
import { completionFile, completionOf, completionText, SHELLS } from '../src/config/completion.ts'
import {
  commandPage,
  type ManPage,
  settingsPage,
  type Tool,
  toolPage,
} from '../src/config/man-page.ts'
import { manualText } from '../src/config/manual.ts'
import type { Schema } from '../src/config/schema.ts'
import { httpProgram } from '../src/http/settings/config.ts'
import { udpProgram } from '../src/udp/settings/config.ts'
import { wsProgram } from '../src/ws/settings/program.ts'
import { figuresChart } from './figures-chart.ts'
import { thirdPartyText } from './third-party.ts'

const STOP_SIGNALS = 'SIGTERM, SIGINT'
const STOP = { name: STOP_SIGNALS, effect: 'Stop, within a second.' }
const STOP_SERVICE = {
  name: STOP_SIGNALS,
  effect:
    'Stop, within a second, or once [persistence] path has been written. A second signal does not wait ' +
    'for that.',
}
const RELOAD = {
  name: 'SIGHUP',
  effect:
    'Read the settings again. What can change while it runs does; what needs a restart is logged. ' +
    'A mistake in the file is logged, and changes nothing.',
}
const ACCESS_LIST = { name: 'SIGUSR1', effect: 'Read the access list again.' }
const WRITE_SWARMS = {
  name: 'SIGUSR2',
  effect: 'Write the swarms to [persistence] path at once.',
}

/** Executables without settings. */
const TOOLS: readonly Tool[] = [doctorTool]

/** Every other file of bin/ has an entry here. */
const PROGRAMS: readonly {
  readonly program: Program<Schema>
  readonly manual: string
  /** Where the settings stand: the file to edit instead of the manual. */
  readonly source: string
  readonly isService: boolean
  readonly signals: ManPage['signals']
}[] = [
  {
    program: programOf(aquaticTracker),
    manual: 'docs/config-aquatic.md',
    source: 'src/aquatic/protocols.ts, and from the schemas of the protocols that it lists',
    isService: true,
    signals: [
      STOP_SERVICE,
      RELOAD,
      {
        name: 'SIGUSR1',
        effect: 'Read the access list and certificates again; new connections get the latter.',
      },
      { name: 'SIGUSR2', effect: 'Write what is kept to [persistence] path at once.' },
    ],
  },
  {
    program: programOf(udpProgram),
    manual: 'docs/config-udp.md',
    source: 'src/udp/settings/config.ts',
    isService: true,
    signals: [STOP_SERVICE, RELOAD, ACCESS_LIST, WRITE_SWARMS],
  },
  {
    program: programOf(httpProgram),
    manual: 'docs/config-http.md',
    source: 'src/http/settings/config.ts',
    isService: true,
    signals: [STOP_SERVICE, RELOAD, ACCESS_LIST, WRITE_SWARMS],
  },
  {
    program: programOf(wsProgram),
    manual: 'docs/config-ws.md',
    source: 'src/ws/settings/config.ts',
    isService: true,
    signals: [
      STOP_SERVICE,
      RELOAD,
      {
        name: 'SIGUSR1',
        effect: 'Read the access list and the certificate again; new connections get the latter.',
      },
    ],
  },
  {
    program: programOf(benchProgram),
    manual: 'docs/config-bench.md',
    source: 'load/compare/config.ts',
    isService: false,
    signals: [STOP],
  },
  {
    program: programOf(udpLoadProgram),
    manual: 'docs/config-udp-load-test.md',
    source: 'load/udp/config.ts',
    isService: false,
    signals: [STOP],
  },
  {
    program: programOf(httpLoadProgram),
    manual: 'docs/config-http-load-test.md',
    source: 'load/http/config.ts',
    isService: false,
    signals: [STOP],
  },
  {
    program: programOf(wsLoadProgram),
    manual: 'docs/config-ws-load-test.md',
    source: 'load/ws/config.ts',
    isService: false,
    signals: [STOP],
  },
]

/** Here only settings and flags matter, not the type of the configuration that follows from them. */
function programOf<S extends Schema>(program: Program<S>): Program<Schema> {
  return program as unknown as Program<Schema>
}

/** The text of each derived file, by path. */
export function generatedFiles(): Map<string, string> {
  const files = new Map([
    ['docs/third-party.md', thirdPartyText()],
    ['docs/pictures/cpu-per-response.svg', figuresChart()],
  ])
  for (const { program, manual, source, isService, signals } of PROGRAMS) {
    const { name, settings } = program
    const page = { version, isService, signals }
    files.set(manual, manualText({ name, source, schema: settings.schema }))
    files.set(`packaging/man/${name}.1`, commandPage(program, page))
    files.set(`packaging/man/${name}.toml.5`, settingsPage(program, page))
    for (const shell of SHELLS) {
      const path = `packaging/completions/${shell}/${completionFile(shell, name)}`
      files.set(path, completionText(shell, program))
    }
  }
  for (const tool of TOOLS) {
    const { name, flags } = tool
    files.set(`packaging/man/${name}.1`, toolPage(tool, version))
    for (const shell of SHELLS) {
      const path = `packaging/completions/${shell}/${completionFile(shell, name)}`
      files.set(path, completionOf(shell, name, flags))
    }
  }
  return files
}

if (import.meta.main) {
  for (const [path, text] of generatedFiles()) {
    const full = join(import.meta.dir, '..', path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
    console.log(`written: ${path}`)
  }
}
