/// How long a test waits for what must happen before it says that it did not happen.
///
/// Long, because it measures nothing: on a busy machine every wait may be a hundred times what it is on an idle one.
/// Where only the time tells right from wrong, the wrong takes longer than this.
package enum Patience {
    package static let seconds = 30.0
    package static let limit = Duration.seconds(30)
}
