// The page as a tree: what shows and what does not, without scripts, styles and addresses of pictures.
// A text is a string; an element is {t: tag, a: attributes, s: inline style, c: children, r: shadow root, d: document of a frame}.
([acted, attributes]) => {
  const dropped = new Set(['SCRIPT', 'NOSCRIPT', 'STYLE', 'LINK', 'META', 'TEMPLATE', 'BASE', 'OBJECT', 'EMBED', 'HEAD']);
  const empty = new Set(['SVG', 'CANVAS', 'VIDEO', 'AUDIO', 'IMG', 'PICTURE', 'MATH']);
  const inline = new Set(['A', 'ABBR', 'B', 'BDI', 'BDO', 'CITE', 'CODE', 'DATA', 'DFN', 'EM', 'FONT', 'I', 'IMG', 'INS', 'KBD',
    'LABEL', 'MARK', 'Q', 'S', 'SAMP', 'SMALL', 'SPAN', 'STRONG', 'SUB', 'SUP', 'TIME', 'U', 'VAR', 'DEL', 'SVG', 'CANVAS',
    'VIDEO', 'AUDIO', 'PICTURE', 'IFRAME', 'SLOT', 'BR', 'WBR', 'OUTPUT']);
  const other = {LI: 'list-item', TABLE: 'table', TR: 'table-row', TD: 'table-cell', TH: 'table-cell', TBODY: 'table-row-group',
    THEAD: 'table-header-group', TFOOT: 'table-footer-group', INPUT: 'inline-block', BUTTON: 'inline-block', SELECT: 'inline-block',
    TEXTAREA: 'inline-block', METER: 'inline-block', PROGRESS: 'inline-block', SLOT: 'contents', SUMMARY: 'list-item',
    CAPTION: 'table-caption', COL: 'table-column', COLGROUP: 'table-column-group'};
  // Elements of our own kind: made by the browser for its own use, without a meaning for a walk.
  const named = element => /^[a-z][a-z0-9-]*$/.test(element.localName) ? element.localName : 'div';
  const standard = tag => other[tag] ?? (inline.has(tag) || tag.includes('-') ? 'inline' : 'block');

  const styleOf = (element, tag, above) => {
    const seen = getComputedStyle(element), style = [];
    if (seen.display === 'none') return {style: 'display:none', above: {...above, gone: true}};
    if (!above.gone && seen.display !== standard(tag)) style.push('display:' + seen.display);
    if (seen.visibility !== above.visibility) style.push('visibility:' + seen.visibility);
    if (seen.textTransform !== above.transform) style.push('text-transform:' + seen.textTransform);
    if (!above.gone && !element.childElementCount && !element.shadowRoot && tag !== 'OPTION' && tag !== 'BR') {
      const box = element.getBoundingClientRect(), isEmpty = !element.textContent.trim();
      if (!box.width || !box.height) style.push('position:absolute;width:0;height:0;min-width:0;padding:0;border:0;overflow:hidden');
      else if (isEmpty && seen.display !== 'contents')
        style.push('display:' + (seen.display === 'inline' ? 'inline-block' : seen.display),
          'min-width:' + Math.min(Math.ceil(box.width), 400) + 'px', 'min-height:' + Math.min(Math.ceil(box.height), 200) + 'px');
    }
    return {style: style.join(';'), above: {...above, visibility: seen.visibility, transform: seen.textTransform}};
  };

  const attributesOf = (element, tag) => {
    const found = {};
    for (const {name, value} of element.attributes) if (attributes.includes(name)) found[name] = value;
    if (tag === 'INPUT') {
      delete found.checked; delete found.value;
      if (['checkbox', 'radio'].includes(element.type)) { if (element.checked) found.checked = ''; }
      else if (!['password', 'file'].includes(element.type)) { if (element.value) found.value = element.value; }
    } else if (tag === 'OPTION') {
      delete found.selected;
      if (element.selected) found.selected = '';
    }
    return found;
  };

  const children = (parent, above) => {
    const list = [];
    for (const node of parent.childNodes) {
      if (node.nodeType === Node.TEXT_NODE) {
        const before = typeof list.at(-1) === 'string' ? list.pop() : '';
        const text = (before + node.nodeValue).replace(/\s+/g, ' ');
        if (text) list.push(text);
      } else if (node.nodeType === Node.ELEMENT_NODE) {
        const one = tree(node, above);
        if (one) list.push(one);
      }
    }
    return list;
  };

  const tree = (element, above) => {
    const tag = element.tagName.toUpperCase();
    if (dropped.has(tag)) return null;
    const {style, above: below} = styleOf(element, tag, above);
    const one = {t: named(element), a: attributesOf(element, tag)};
    if (style) one.s = style;
    if (element === acted) one.m = true;
    if (tag === 'IFRAME' || tag === 'FRAME') {
      let inner = null;
      try { inner = element.contentDocument; } catch { /* somebody else's */ }
      if (inner?.body && element.src !== '') one.d = page(inner);
      else if (inner?.body?.childNodes.length) one.d = page(inner);
      return one;
    }
    if (tag === 'TEXTAREA') { one.c = [element.value]; return one; }
    if (!empty.has(tag)) {
      if (element.shadowRoot) one.r = children(element.shadowRoot, below);
      one.c = children(element, below);
    }
    return one;
  };

  const page = inside => ({
    lang: inside.documentElement.lang, title: inside.title,
    body: inside.body ? tree(inside.body, {visibility: 'visible', transform: 'none', gone: false}) : {t: 'body', a: {}, c: []},
  });
  return page(document);
}
