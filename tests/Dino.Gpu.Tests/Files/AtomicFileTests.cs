using System.Collections.Concurrent;
using Dino.Gpu.Data.Outputs;
using Dino.Gpu.Files;
using Dino.Gpu.Tests.Support;


namespace Dino.Gpu.Tests.Files;

/// <summary>What killed processes leave beside an output.</summary>
public sealed class AtomicFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Abandoned_temporary_files_of_the_same_output_go()
    {
        _folder.Write(".o.npy.0123abcd.tmp", "killed");
        _folder.Write(".o.npy.89abcdef.tmp", "killed again");
        string[] others =
        [
            _folder.Write(".other.npy.0123abcd.tmp", "another output's"),
            _folder.Write(".o.npy.bak.0123abcd.tmp", "another output's"),
            _folder.Write(".o.npy.0123ABCD.tmp", "not ours"),
            _folder.Write("o.npy", "an earlier run's"),
            _folder.Write("o.npy.0123abcd.tmp", "a user's"),
        ];
        AtomicFile.EnsureWritable(_folder.Path("o.npy"));
        Assert.Equal(others.Order(StringComparer.Ordinal), _folder.Files.Order(StringComparer.Ordinal));
    }

    /// <summary>
    /// Files have a name for a moment even if they live without one: a process that is killed in it leaves one that is
    /// known as its output's.
    /// </summary>
    [Fact]
    public async Task Every_temporary_file_has_a_name_by_which_it_is_cleared()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "other systems do not tell of a file that is gone at once");
        var names = new ConcurrentQueue<string>();
        var end = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var watcher = new FileSystemWatcher(_folder.Root);
        watcher.Created += (_, created) =>
        {
            if (created.Name == "end")
                end.SetResult();
            else
                names.Enqueue(created.Name!);
        };
        watcher.EnableRaisingEvents = true;
        using (var file = new AtomicFile(_folder.Path("shard-00003.npz")))
        using (file.CreateSpool())
            Assert.Single(_folder.Files);
        _folder.Write("end", "");
        await end.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(2, names.Count);
        Assert.All(names, name => Assert.Matches(@"^\.shard-00003\.npz\.[0-9a-f]{8}\.tmp$", name));
        Assert.All(names, name => Assert.True(RunNames.IsOwn(name)));
    }

    [Fact]
    public void Nobody_may_read_the_new_file_who_could_not_read_the_old_one()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Skip("has no file modes");
            return;
        }

        string path = _folder.Write("o.npy", "old");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using (var file = new AtomicFile(path))
            file.Complete();
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
    }

    /// <summary>Two processes may write the same output: the last one wins, and neither fails.</summary>
    [Fact]
    public void Temporary_file_of_a_living_process_stays()
    {
        using var living = new AtomicFile(_folder.Path("o.npy"));
        living.Write("whole"u8);
        _folder.Write(".o.npy.0123abcd.tmp", "killed");
        AtomicFile.EnsureWritable(_folder.Path("o.npy"));
        Assert.Single(_folder.Files);
        living.Complete();
        Assert.Equal("whole", File.ReadAllText(Assert.Single(_folder.Files)));
    }

    /// <summary>Nothing is lost between making a temporary file and locking it while others clean up.</summary>
    [Fact]
    public void Many_writers_and_cleaners_of_one_output_never_fail()
    {
        string path = _folder.Path("o.npy");
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 200; i++)
            {
                AtomicFile.EnsureWritable(path);
                using var file = new AtomicFile(path);
                file.Write("whole"u8);
                file.Complete();
            }
        });
        Assert.Equal("whole", File.ReadAllText(Assert.Single(_folder.Files)));
    }
}
