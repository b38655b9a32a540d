using System.Diagnostics;
using Dino.Gpu.Data.Rows;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Data.Formats;

/// <summary>
/// NumPy, pandas and pyarrow open the files as they are. Skipped where Python or the package is not installed.
/// </summary>
public sealed class PythonTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("npy", "numpy", """
        a = numpy.load(file, allow_pickle=False)
        assert a.shape == (60, 3) and a.dtype == numpy.float32, (a.shape, a.dtype)
        check(a)
        assert numpy.load(file, mmap_mode='r')[1, 2] == numpy.float32(want['values'][1][2])
        """)]
    [InlineData("npz", "numpy", """
        z = numpy.load(file, allow_pickle=False)
        assert z.files == ['embedding', 'row', *columns, 'error'], z.files
        check(z['embedding'])
        assert z['path'].dtype.kind == 'U' and list(z['path']) == want['paths']
        assert list(z['error']) == [error or '' for error in want['errors']]
        assert z['row'].dtype == numpy.int64 and list(z['row']) == list(range(60))
        assert z['width'].dtype == numpy.int32 and z['width'][0] == 640 and z['width'][4] == -1
        assert z['id'].dtype == numpy.float64 and numpy.isnan(z['id'][1]) and z['id'][0] == -5
        import zipfile
        assert zipfile.ZipFile(file).testzip() is None
        """)]
    [InlineData("jsonl", "pandas", """
        t = pandas.read_json(file, lines=True)
        assert list(t.columns) == [*columns, 'embedding', 'error'], list(t.columns)
        assert list(t['path']) == want['paths']
        assert t['width'][0] == 640 and t['embedding'][4] is None and t['error'][4] == want['errors'][4]
        check(numpy.array([row or [numpy.nan] * 3 for row in t['embedding']], dtype=numpy.float32))
        """)]
    [InlineData("csv", "pandas", """
        values = ['e0', 'e1', 'e2']
        types = {'path': str} | {name: 'float32' for name in values}
        empty = {name: [''] for name in ['width', *values]}
        t = pandas.read_csv(file, float_precision='round_trip', dtype=types, keep_default_na=False, na_values=empty)
        assert list(t.columns) == [*columns, 'error', *values], list(t.columns)
        assert list(t['path']) == want['paths']
        assert list(t['error']) == [error or '' for error in want['errors']]
        check(t[values].to_numpy())
        """)]
    [InlineData("parquet", "pyarrow", """
        import pyarrow.parquet
        t = pyarrow.parquet.read_table(file)
        assert t.column_names == [*columns, 'error', 'embedding'], t.column_names
        assert t['path'].to_pylist() == want['paths'] and t['error'].to_pylist() == want['errors']
        assert str(t.schema.field('embedding').type).startswith('list<element: float'), t.schema
        check(numpy.array([row or [numpy.nan] * 3 for row in t['embedding'].to_pylist()], dtype=numpy.float32))
        """)]
    [InlineData("safetensors", "numpy", """
        data = open(file, 'rb').read()
        n = int.from_bytes(data[:8], 'little')
        header = json.loads(data[8:8 + n])
        assert header['__metadata__']['format'] == 'dino.gpu'
        def tensor(name, dtype):
            entry = header[name]
            begin, end = entry['data_offsets']
            return numpy.frombuffer(data[8 + n + begin:8 + n + end], dtype).reshape(entry['shape'])
        check(tensor('embedding', '<f4'))
        assert list(tensor('row', '<i8')) == list(range(60)) and tensor('width', '<i4')[4] == -1
        assert max(entry['data_offsets'][1] for name, entry in header.items() if name != '__metadata__') == len(data) - 8 - n
        """)]
    public void Opens_as_it_is(string format, string package, string script)
    {
        Assert.SkipUnless(Python("import numpy, " + package).ExitCode == 0, $"python3 with numpy and {package} is not installed");
        RowSchema schema = FormatRows.Schema();
        List<FormatRow> rows = FormatRows.Make(schema, 60);
        string file = _folder.Path("rows." + format);
        FormatRows.Write(file, schema, rows);
        string want = _folder.Write("want.json", System.Text.Json.JsonSerializer.Serialize(new
        {
            paths = rows.Select(row => row.Info.Path),
            errors = rows.Select(row => row.Info.Error),
            values = rows.Select(row => row.Values.Select(value => float.IsNaN(value) ? 0 : value)),
        }));

        (int exitCode, string error) = Python($"""
            import json, numpy, {package}
            file = {Quote(file)}
            want = json.load(open({Quote(want)}, encoding='utf-8'))
            columns = ['path', 'width', 'height', 'sha256', 'label', 'id', 'score', 'seen', 'spaced, "name"', 'größe']
            def check(found):
                assert found.dtype == numpy.float32, found.dtype
                expected = numpy.array(want['values'], dtype=numpy.float32)
                failed = numpy.array([error is not None for error in want['errors']])
                assert numpy.isnan(found[failed]).all() and (found[~failed] == expected[~failed]).all(), found

            """.ReplaceLineEndings("\n") + script);
        Assert.True(exitCode == 0, error);
    }

    private static string Quote(string text) =>
        $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal)}'";

    private static (int ExitCode, string Error) Python(string script)
    {
        // Debian's own first: another python3 before it in PATH may lack the packages.
        string python = File.Exists("/usr/bin/python3") ? "/usr/bin/python3" : "python3";
        try
        {
            using var process = Process.Start(
                new ProcessStartInfo(python, ["-c", script]) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            string error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, error);
        }
        catch (System.ComponentModel.Win32Exception missing)
        {
            return (-1, missing.Message);
        }
    }
}
