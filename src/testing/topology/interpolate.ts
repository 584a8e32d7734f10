/** `$$`, `$NAME`, `${NAME}`, and with `:-` `-` `:?` `?` `:+` `+` and a text behind the name. */
const PLACEHOLDER = /\$(?:\$|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?+])([^}]*))?\})/g;

/** Fills variables in as Docker Compose does. Throws where a `?` asks for one that is missing. */
export function interpolate(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replace(PLACEHOLDER, (whole, plain?: string, braced?: string, operator = '', operand = '') => {
    const name = plain ?? braced;
    if (name === undefined) return whole === '$$' ? '$' : whole;
    const value = variables[name];
    const isThere = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined;
    switch (operator.at(-1)) {
      case '-':
        return isThere ? String(value) : operand;
      case '+':
        return isThere ? operand : '';
      case '?':
        if (!isThere) throw new Error(`${name} is not set: ${operand}`);
        return String(value);
      default:
        return value ?? '';
    }
  });
}
