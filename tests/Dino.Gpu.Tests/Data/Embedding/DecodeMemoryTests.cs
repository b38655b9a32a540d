using Dino.Gpu.Data.Embedding;

namespace Dino.Gpu.Tests.Data.Embedding;

/// <summary>Want of memory comes in many shapes, and is one line.</summary>
public sealed class DecodeMemoryTests
{
    [Fact]
    public void Want_of_memory_is_one_line()
    {
        Exception[] wants =
        [
            new OutOfMemoryException(),
            new AggregateException(new InvalidOperationException("", new OutOfMemoryException())),
            new TaskSchedulerException("", new OutOfMemoryException()),
            new FileNotFoundException("", typeof(Enumerable).Assembly.FullName),
            new FileLoadException("", typeof(Enumerable).Assembly.FullName),
        ];
        Assert.All(wants, failure => Assert.Equal("not enough memory", DecodeMemory.Of(failure).Message));
    }

    [Fact]
    public void The_systems_want_of_memory_is_one_line()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "the number is errno's");
        var failure = new TypeInitializationException("a", new IOException("Cannot allocate memory", 12));
        Assert.Equal("not enough memory", DecodeMemory.Of(failure).Message);
    }

    [Fact]
    public void Other_failures_stay_as_they_are()
    {
        Exception[] others =
        [
            new InvalidOperationException("a"),
            new DinoException("a", innerException: new OutOfMemoryException()),
            new FileNotFoundException("", "a.png"),
            new FileNotFoundException("", "No.Such.Assembly, Version=1.0.0.0"),
            new IOException("a", 5),
        ];
        Assert.All(others, failure => Assert.Same(failure, DecodeMemory.Of(failure)));
    }
}
