import Runners

extension String {
  /// What strangers wrote, with escapes for what a terminal or a reader would act on.
  var visible: String {
    var visible = ""
    for scalar in unicodeScalars {
      visible += scalar.value < 0x20 ? scalar.escaped(asASCII: true) : String(scalar)
    }
    return visible.escapingInvisibleInJSON()
  }
}
