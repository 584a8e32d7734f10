import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { invalidConfig } from './handler-fault.js';

/** Throws INVALID_CONFIG, with the JSON pointer of the first fault. */
export type ConfigCheck = (config: unknown) => void;

/** Unknown keywords and formats pass, since schemas are the users' own. Throws where it is no schema. */
export function compileConfigCheck(schema: object): ConfigCheck {
  const ajv = new Ajv2020({ strict: false, ownProperties: true, addUsedSchema: false, logger: false });
  addFormats.default(ajv);
  const validate = ajv.compile(schema);
  return (config) => runCheck(validate, config);
}

/** As `compileConfigCheck`, at the first use: compiling takes milliseconds, and few of the handlers are used at once. */
export function lazyConfigCheck(schema: object): ConfigCheck {
  let check: ConfigCheck | undefined;
  return (config) => {
    check ??= compileConfigCheck(schema);
    check(config);
  };
}

function runCheck(validate: ValidateFunction, config: unknown): void {
  if (validate(config)) return;
  const error = validate.errors?.[0];
  throw invalidConfig(error === undefined ? 'config: is invalid' : `config${describe(error)}`);
}

function describe(error: ErrorObject): string {
  if (error.keyword === 'required') return `${error.instancePath}/${pointerToken(error)}: is required`;
  return `${error.instancePath}: ${error.message ?? 'is invalid'}`;
}

/** RFC 6901, section 3. */
function pointerToken(error: ErrorObject): string {
  return String(error.params.missingProperty).replaceAll('~', '~0').replaceAll('/', '~1');
}
