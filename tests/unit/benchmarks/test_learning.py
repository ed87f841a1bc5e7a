"""The learning benchmark."""

from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks import learning


def test_linear_algebra_has_one_thread_as_in_a_service(monkeypatch, tmp_path):
    """Sums in another order give other models, and figures that depend on the number of cores."""
    threads = []

    def read(_data):
        threads.append({pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"})
        return [], ()

    monkeypatch.setattr(learning, "ultratool", read)
    monkeypatch.setattr(learning, "latencies", lambda _data: (1.0,))
    with threadpool_limits(limits=2):
        learning.run(tmp_path)

    assert threads[0] <= {1}
