namespace Dino.Gpu.Stores.Postgres;

/// <summary>The statements for one table.</summary>
/// <param name="name">The table, perhaps with its schema and a dot before it.</param>
internal sealed class PostgresTable(string name)
{
    /// <summary>What a vector can have at most in an HNSW graph of pgvector.</summary>
    public const int LongestInHnsw = 2000;

    /// <summary>The most results for which pgvector walks its graph (the limit of <c>hnsw.ef_search</c>).</summary>
    public const int MostOfHnsw = 1000;

    /// <summary>Columns that a table has to have, with their types.</summary>
    public static readonly (string Name, string Type)[] Columns =
    [
        ("id", "uuid"), ("archive", "text"), ("path", "text"), ("sha256", "text"), ("width", "int4"), ("height", "int4"),
        ("embedding", "vector"),
    ];

    private const string Names = "id, archive, path, sha256, width, height, embedding";

    /// <summary>The name in quotes.</summary>
    public string Quoted { get; } = string.Join('.', name.Split('.', 2).Select(Quote));

    /// <summary>Its columns: name, type, modifier (of vectors: the dimension), and the comment of the table.</summary>
    public string Describe => """
        SELECT a.attname, t.typname, a.atttypmod, obj_description(a.attrelid, 'pg_class')
        FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
        WHERE a.attrelid = to_regclass($1)::oid AND a.attnum > 0 AND NOT a.attisdropped
        """;

    /// <summary>
    /// Whether a graph can answer searches: one of all vectors, for the cosine. Other indexes do not count.
    /// </summary>
    public string HasGraph => """
        SELECT EXISTS (SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
        JOIN pg_opclass o ON o.oid = i.indclass[0] JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
        WHERE i.indrelid = to_regclass($1)::oid AND i.indisvalid AND i.indpred IS NULL
          AND m.amname = 'hnsw' AND o.opcname = 'vector_cosine_ops' AND a.attname = 'embedding')
        """;

    /// <summary>Rows that wait to be merged, up to the end of the transaction.</summary>
    public string CreateStaging => """
        CREATE TEMPORARY TABLE dino_rows (number integer, id uuid, archive text, path text, sha256 text, width integer, height integer,
        embedding vector) ON COMMIT DROP
        """;

    public string CopyToStaging => $"COPY pg_temp.dino_rows (number, {Names}) FROM STDIN (FORMAT BINARY)";

    /// <summary>
    /// Moves them over and counts what is new and what changed. The keys are in order, so that two writers cannot wait
    /// for each other's rows. A row that is there with the same values is not touched.
    /// </summary>
    public string Merge => $"""
        WITH merged AS (
          INSERT INTO {Quoted} AS kept ({Names})
          SELECT DISTINCT ON (id) {Names} FROM pg_temp.dino_rows ORDER BY id, number DESC
          ON CONFLICT (id) DO UPDATE SET archive = excluded.archive, path = excluded.path, sha256 = excluded.sha256,
            width = excluded.width, height = excluded.height, embedding = excluded.embedding, updated_at = now()
          WHERE kept.sha256 IS DISTINCT FROM excluded.sha256 OR kept.width IS DISTINCT FROM excluded.width
            OR kept.height IS DISTINCT FROM excluded.height OR kept.embedding IS DISTINCT FROM excluded.embedding
          RETURNING (xmax = 0) AS is_new)
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM merged
        """;

    public string Digests => $"SELECT id, sha256 FROM {Quoted} WHERE id = ANY ($1)";

    public string CreateKept => "CREATE TEMPORARY TABLE dino_kept (id uuid) ON COMMIT DROP";

    public string CopyToKept => "COPY pg_temp.dino_kept (id) FROM STDIN (FORMAT BINARY)";

    public string DeleteOthers => $"DELETE FROM {Quoted} t WHERE NOT EXISTS (SELECT FROM pg_temp.dino_kept k WHERE k.id = t.id)";

    public string CreateGraph => $"CREATE INDEX ON {Quoted} USING hnsw (embedding vector_cosine_ops)";

    public string Search => $"SELECT archive, path, sha256, width, height, embedding FROM {Quoted} ORDER BY embedding <=> $1 LIMIT $2";

    public string Count => $"SELECT count(*) FROM {Quoted}";

    /// <summary>Makes the table.</summary>
    /// <param name="dimension">Values of a vector.</param>
    public string Create(int dimension) => $"""
        CREATE TABLE {Quoted} (
          id uuid PRIMARY KEY,
          archive text NOT NULL DEFAULT '',
          path text NOT NULL,
          sha256 text,
          width integer,
          height integer,
          embedding vector({dimension}) NOT NULL,
          updated_at timestamptz NOT NULL DEFAULT now())
        """;

    /// <summary>Writes what made the vectors into the comment of the table, which travels with it.</summary>
    /// <param name="description">As <see cref="StoreContents.Describe"/> makes it.</param>
    public string Comment(string description) =>
        $"COMMENT ON TABLE {Quoted} IS '{description.Replace("'", "''", StringComparison.Ordinal)}'";

    private static string Quote(string part) => $"\"{part.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
