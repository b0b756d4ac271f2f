/// Rows in aligned columns, for people.
struct Table {
    private let header: [String]
    private var rows: [[String]] = []

    init(_ header: [String]) {
        self.header = header
    }

    mutating func add(_ cells: [String]) {
        // A cell is one line; whatever breaks it stands for a blank.
        rows.append(cells.map { Terminal.printable($0).replacing("\n", with: " ").replacing("\t", with: " ") })
    }

    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.enumerated().map { index, row in
            let line = row.enumerated().map { column, cell in
                column == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }.joined()
            let trimmed = String(line.reversed().drop { $0 == " " }.reversed())
            return index == 0 ? Style.heading(trimmed) : trimmed
        }.joined(separator: "\n")
    }
}
