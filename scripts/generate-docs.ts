// Writes the manuals in docs/ that are derived from the settings. Run it after changing a setting:
//   node_modules/.bin/bun scripts/generate-docs.ts
// The tests fail while a manual is stale.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadSettings } from '../load/udp/config.ts'
import { type Manual, manualText } from '../src/config/manual.ts'
import { udpSettings } from '../src/udp/config.ts'
import { wsSettings } from '../src/ws/config.ts'

export const MANUALS: Readonly<Record<string, Manual>> = {
  'docs/config-udp.md': {
    name: 'aquatic_udp',
    source: 'src/udp/config.ts',
    schema: udpSettings.schema,
  },
  'docs/config-ws.md': {
    name: 'aquatic_ws',
    source: 'src/ws/config.ts',
    schema: wsSettings.schema,
  },
  'docs/config-udp-load-test.md': {
    name: 'aquatic_udp_load_test',
    source: 'load/udp/config.ts',
    schema: loadSettings.schema,
  },
}

if (import.meta.main) {
  for (const [path, manual] of Object.entries(MANUALS)) {
    writeFileSync(join(import.meta.dir, '..', path), manualText(manual))
    console.log(`written: ${path}`)
  }
}
