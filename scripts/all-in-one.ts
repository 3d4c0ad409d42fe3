// The one executable of the packages: it holds every program of bin/ and runs the one under whose name it is started, so
// that nine programs take 130 MB instead of 1,000. Installed as aquatic, with a link to it for each other name. Built by
// build.sh --together, which embeds each program as it is built alone: only the file that chooses is added.
import { basename } from 'node:path'

/** Under any other name, such as that of a copy for a trial, it is the tracker of all protocols. */
const OTHERWISE = 'aquatic'
const PROGRAMS = [
  'aquatic',
  'aquatic_bench',
  'aquatic_doctor',
  'aquatic_http',
  'aquatic_http_load_test',
  'aquatic_udp',
  'aquatic_udp_load_test',
  'aquatic_ws',
  'aquatic_ws_load_test',
]

const name = basename(process.argv0)
const program = PROGRAMS.includes(name) ? name : OTHERWISE
// Beside this file in the executable, where it is called like in the source.
await import(new URL(`./bin/${program}.js`, import.meta.url).href)
