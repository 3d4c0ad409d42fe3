// The other kind of tracker, whose settings file may be given by mistake: only the sections that tell it apart, since neither
// knows the other's settings. Used by program.ts and single-files.ts.
import type { Relative } from '../config/load.ts'

/** To a tracker of one protocol. */
export const COMBINED: Relative = {
  name: 'aquatic',
  settings: { schema: {} },
  sections: ['udp', 'http', 'ws'],
}

/** To a tracker of several, about the files that it takes by other flags. */
export const SINGLE: Relative = {
  name: 'a single tracker',
  settings: { schema: {} },
  sections: ['network', 'pause', 'handlers', 'acme'],
  remedy: 'give it with --udp, --http or --ws in place of -c',
}
